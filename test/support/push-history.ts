import { isRunEnded } from "../../shared/domain/verdict.ts";
import type { Trigger } from "../../shared/protocol/triggers.ts";
import type { RunItem } from "../../shared/store/items.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import type { SweepDeps } from "../../shared/usecases/sweep-deps.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { INJECTED } from "./drive.ts";
import { dyingAt, type Moment } from "./faulty-deps.ts";
import { makeSweepWorld } from "./sweep-world.ts";
import { MINUTE_MS, SECOND_MS } from "./times.ts";
import { shaOf } from "./trigger-world.ts";

/** One branch and one pull request of a pipeline that supersedes, pushed to and fro between a few commits. */

export type PushStep =
  | {
      readonly do: "push";
      readonly on: "branch" | "pull";
      readonly commit: number;
      readonly hook: "now" | "late" | "lost";
      readonly sameSecond: boolean;
    }
  /** The branch is deleted; the next push makes it anew. */
  | { readonly do: "drop" }
  /** A webhook that waits comes; or one that came comes again, under another id. */
  | { readonly do: "deliver"; readonly pick: number; readonly isAgain: boolean; readonly dies?: Death }
  | { readonly do: "sweep"; readonly minutes: number; readonly dies?: Death };
interface Death {
  readonly at: number;
  readonly moment: Moment;
}

const SUPERSEDING = "supersede: true\non: {push: , pull_request: }\njobs: {build: {run: make}}\n";
const NUMBER = 1;

export function makePushHistory() {
  const world = makeSweepWorld();
  const { project, repository } = world.addProject("shop");
  repository.files.set(".baton/ci.yml", SUPERSEDING);
  repository.branches.set("trunk", shaOf("trunk"));
  repository.defaultBranch = "trunk";
  const waiting: Trigger[] = [];
  const came: Trigger[] = [];
  const pushes = new Map<string, number>();

  const handle = (trigger: Trigger, death?: Death) => {
    came.push(trigger);
    return living(death, (deps) => startTriggered(deps, project, trigger, "webhook"));
  };
  async function living(death: Death | undefined, work: (deps: SweepDeps) => Promise<unknown>): Promise<void> {
    const deps =
      death === undefined ? world.deps : { ...world.deps, ...dyingAt(world.deps, death.at, death.moment).deps };
    try {
      await work(deps);
    } catch (error) {
      if (death === undefined || !isInjected(error)) throw error;
    }
  }
  async function tell(trigger: Trigger, hook: "now" | "late" | "lost"): Promise<void> {
    if (hook === "late") waiting.push(trigger);
    if (hook === "now") await handle(trigger);
  }
  const headOf = (on: "branch" | "pull") =>
    on === "branch" ? repository.branches.get("main") : repository.pulls.get(NUMBER)?.sha;

  async function push({ on, commit, hook, sameSecond }: Extract<PushStep, { do: "push" }>): Promise<void> {
    const sha = shaOf(`commit ${commit}`);
    const before = headOf(on);
    if (before === sha) return;
    // A forge's times have whole seconds.
    world.clock.nowMs += sameSecond ? 0 : SECOND_MS;
    pushes.set(`${on} ${sha}`, (pushes.get(`${on} ${sha}`) ?? 0) + 1);
    const started = before === undefined ? {} : { before };
    const base = { sha, occurredAtMs: world.clock.nowMs, ...started };
    if (on === "branch") {
      repository.branches.set("main", sha);
      return tell({ event: "push", branch: "main", ...base }, hook);
    }
    const action = before === undefined ? "opened" : "synchronize";
    const trunk = { branch: "trunk", sha: shaOf("trunk") };
    const pull = { event: "pull_request", number: NUMBER, branch: "f", base: trunk, fork: false, ...base } as const;
    repository.pulls.set(NUMBER, { ...pull, action: "synchronize" });
    return tell({ ...pull, action }, hook);
  }

  async function deliver({ pick, isAgain, dies }: Extract<PushStep, { do: "deliver" }>): Promise<void> {
    const from = isAgain ? came : waiting;
    const at = pick % Math.max(1, from.length);
    const trigger = from[at];
    if (trigger === undefined) return;
    if (!isAgain) waiting.splice(at, 1);
    await handle(trigger, dies);
    // It was kept, and comes again.
    if (dies !== undefined) waiting.push(trigger);
  }

  async function play(step: PushStep): Promise<void> {
    if (step.do === "push") return push(step);
    if (step.do === "drop") return void repository.branches.delete("main");
    if (step.do === "deliver") return deliver(step);
    world.clock.nowMs += step.minutes * MINUTE_MS;
    await living(step.dies, (deps) => sweepProjects(deps, () => false));
  }

  return {
    world,
    project,
    repository,
    waiting,
    play,
    headOf,
    pushesTo: (on: "branch" | "pull", sha: string) => pushes.get(`${on} ${sha}`) ?? 0,
    runsOn: (on: "branch" | "pull") =>
      world
        .runs()
        .filter(
          ({ trigger }) =>
            (trigger?.event === "push" ? trigger.branch === "main" : true) &&
            (trigger?.event === "push") === (on === "branch"),
        ),
    cancelByPerson: (run: RunItem) => cancelRun(world.deps, run, { actor: "somebody", reason: "not today" }),
    /** What is late comes, then two sweeps have their time. */
    async end(): Promise<void> {
      for (const trigger of waiting.splice(0)) await handle(trigger);
      for (const minutes of [5, 5, 5]) await play({ do: "sweep", minutes });
    },
  };
}

function isInjected(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isInjected);
  return error instanceof Error && error.name === INJECTED;
}

/** Of one branch or pull request: what its runs are now, by commit. */
export const isAlive = (run: RunItem): boolean => !isRunEnded(run.state) && run.state !== "canceling";
