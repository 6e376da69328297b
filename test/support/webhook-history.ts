import type { Trigger } from "../../shared/protocol/triggers.ts";
import { headsKey } from "../../shared/store/keys.ts";
import { isClosing } from "../../shared/usecases/closings.ts";
import type { PullTrigger, RepositoryHeads } from "../../shared/usecases/forge.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import { headsRefOf, type SweepDeps } from "../../shared/usecases/sweep-deps.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { INJECTED } from "./drive.ts";
import { dyingAt, type Moment } from "./faulty-deps.ts";
import { makeSweepWorld } from "./sweep-world.ts";
import { MINUTE_MS } from "./times.ts";

/**
 * What happens to one repository, with a book of its own: what must have a run (it was delivered, or a sweep that ended
 * well saw it), and what may have one. It knows nothing of how sweep remembers.
 */

/** What becomes of a webhook. `dies`: whoever handles it dies at its write `at`; it comes again later. */
export type Hook = "now" | "twice" | "late" | "lost" | "dies";
interface Told {
  readonly hook: Hook;
  readonly at: number;
}
export type Step =
  | ({ readonly do: "push" | "restore"; readonly branch: number } & Told)
  | ({ readonly do: "pull"; readonly number: number } & Told)
  | { readonly do: "delete"; readonly branch: number }
  | ({ readonly do: "tag"; readonly tag: number; readonly annotated: boolean } & Told)
  | { readonly do: "untag"; readonly tag: number }
  | ({ readonly do: "close"; readonly number: number } & Told)
  /** The next list leaves it out, open as it may be: pages that shift. */
  | { readonly do: "hide"; readonly number: number }
  | { readonly do: "deliver"; readonly pick: number }
  | { readonly do: "wait"; readonly minutes: number }
  | { readonly do: "sweep"; readonly dies?: { readonly at: number; readonly moment: Moment }; readonly atOnce: number };

const PIPELINE = "on: {push: {branches: ['**'], tags: ['**']}, pull_request: }\njobs: {build: {run: make}}\n";

/** What makes two triggers the same one: one run is due for each. */
const nameOf = (event: string, ref: string | number | undefined, sha: string | undefined) => `${event} ${ref} ${sha}`;
const nameOfTrigger = (trigger: Trigger) =>
  nameOf(
    trigger.event,
    trigger.event === "pull_request" ? trigger.number : trigger.event === "tag" ? trigger.tag : trigger.branch,
    trigger.sha,
  );

const nameOfClosing = ({ number, occurredAtMs }: Pick<PullTrigger, "number" | "occurredAtMs">) =>
  `${number} ${occurredAtMs}`;
/** Of the name of a head; not a number where it is a branch. */
const numberOf = (ref: string) => Number(/^pull_request (\d+)$/.exec(ref)?.[1]);

interface HistoryOptions {
  readonly pipeline?: string;
  /** A closing that is told late, or never, is of a pull request that a sweep has seen open: no other is found. */
  readonly losesSeenClosings?: boolean;
}

export function makeHistory({ pipeline = PIPELINE, losesSeenClosings = false }: HistoryOptions = {}) {
  const world = makeSweepWorld();
  const { project, repository } = world.addProject("shop");
  repository.files.set(".baton/ci.yml", pipeline);
  const must = new Set<string>();
  const may = new Set<string>();
  /** Closings of pull requests, likewise. */
  const closings = { must: new Set<string>(), may: new Set<string>() };
  const waiting: Trigger[] = [];
  const lastShas = new Map<string, string>();
  /** Heads of the last whole comparison, or of the first sight; and of the list that this sweep got, if any. */
  const heads: { seen?: ReadonlyMap<string, string>; listed?: ReadonlyMap<string, string> | undefined } = {};
  /** Every tag at every commit that such a sweep was shown; and the names of what this one was shown. */
  const tags: { seen: Set<string>; listed: ReadonlySet<string> } = { seen: new Set(), listed: new Set() };
  /** Pull requests that this sweep was told to be closed, with the name of that. */
  const closed = new Map<number, string>();
  let commits = 0;
  let deaths = 0;
  let lost = 0;

  const isKnown = async () => (await world.deps.sweeps.getHeads(headsKey(headsRefOf(project))))?.state === "active";
  const { listHeads, listTags, readPull } = repository.forge;
  repository.forge.listHeads = async (...args) => {
    const answer = await listHeads(...args);
    if (answer === undefined) return undefined;
    heads.listed = headsOf(answer);
    if (await isKnown()) for (const [ref, sha] of heads.listed) may.add(`${ref} ${sha}`);
    return answer;
  };

  repository.forge.listTags = async (...args) => {
    const answer = await listTags(...args);
    if (answer === undefined) return undefined;
    tags.listed = new Set(answer.tags.map(({ tag, sha }) => nameOf("tag", tag, commitOf(sha))));
    if (await isKnown()) for (const name of tags.listed) may.add(name);
    return answer;
  };
  repository.forge.readPull = async (...args) => {
    const pull = await readPull(...args);
    if (pull?.action === "closed") {
      closed.set(pull.number, nameOfClosing(pull));
      closings.may.add(nameOfClosing(pull));
    }
    return pull;
  };

  const commitOf = (sha: string) => repository.taggedCommits.get(sha) ?? sha;
  const forgetLists = () => {
    heads.listed = undefined;
    tags.listed = new Set();
    closed.clear();
  };

  function newSha(): string {
    commits += 1;
    return commits.toString(16).padStart(40, "0");
  }

  /** Dead from the given write on; then what it did is unknown to its caller. */
  async function dying(
    dies: { readonly at: number; readonly moment: Moment },
    act: (deps: SweepDeps) => Promise<unknown>,
  ) {
    const mortal = dyingAt(world.deps, dies.at, dies.moment);
    try {
      await act({ ...world.deps, ...mortal.deps });
      return false;
    } catch (error) {
      if (!isInjected(error)) throw error;
      deaths += 1;
      return true;
    }
  }

  async function handle(trigger: Trigger): Promise<void> {
    await startTriggered(world.deps, project, trigger, "webhook");
    count(trigger, "must");
    count(trigger, "may");
  }

  function count(trigger: Trigger, as: "must" | "may"): void {
    if (isClosing(trigger)) closings[as].add(nameOfClosing(trigger));
    else (as === "must" ? must : may).add(nameOfTrigger(trigger));
  }

  async function tell(trigger: Trigger, { hook, at }: Told): Promise<void> {
    switch (hook) {
      case "now":
        return handle(trigger);
      case "twice":
        await Promise.all([handle(trigger), handle(trigger)]);
        return;
      case "late":
        waiting.push(trigger);
        return;
      case "lost":
        lost += 1;
        return;
      case "dies":
        count(trigger, "may");
        if (await dying({ at, moment: "after" }, (deps) => startTriggered(deps, project, trigger, "webhook")))
          waiting.push(trigger);
        else count(trigger, "must");
    }
  }

  async function sweep({ dies, atOnce }: Extract<Step, { do: "sweep" }>): Promise<void> {
    forgetLists();
    const wasKnown = await isKnown();
    const sweeps = Array.from({ length: atOnce }, () => (deps: SweepDeps) => sweepProjects(deps, () => false));
    const died = await dying(dies ?? { at: Number.POSITIVE_INFINITY, moment: "before" }, (deps) =>
      Promise.all(sweeps.map((one) => one(deps))),
    );
    if (!(await isKnown())) return;
    if (!wasKnown) noteFirstSight();
    else if (died) forgetClosed();
    else noteSeen();
  }

  function noteFirstSight(): void {
    heads.seen = heads.listed ?? new Map();
    tags.seen = new Set(tags.listed);
  }

  function noteSeen(): void {
    for (const name of tags.listed) if (!tags.seen.has(name)) must.add(name);
    for (const name of tags.listed) tags.seen.add(name);
    const { listed, seen } = heads;
    if (listed === undefined) return;
    for (const [ref, sha] of listed) if (seen?.get(ref) !== sha) must.add(`${ref} ${sha}`);
    // One that the list left out, and that is open, is as it was.
    const hidden = [...(seen ?? [])].filter(([ref]) => !listed.has(ref) && repository.pulls.has(numberOf(ref)));
    for (const [ref] of seen ?? []) {
      const pull = repository.closedPulls.get(numberOf(ref));
      if (!listed.has(ref) && pull !== undefined) closings.must.add(nameOfClosing(pull));
    }
    heads.seen = new Map([...listed, ...hidden]);
  }

  /** A sweep that died may have got as far as this. */
  function forgetClosed(): void {
    heads.seen = new Map([...(heads.seen ?? [])].filter(([ref]) => !closed.has(numberOf(ref))));
  }

  async function push(name: string, sha: string, told: Told): Promise<void> {
    const before = repository.branches.get(name);
    repository.branches.set(name, sha);
    lastShas.set(name, sha);
    const trigger: Trigger = { event: "push", sha, branch: name, occurredAtMs: world.clock.nowMs };
    await tell(before === undefined ? trigger : { ...trigger, before }, told);
  }

  /** One that is told only after its reopening may run the commit once more (docs/ARCHITECTURE.md): no part of this book. */
  function loseClosings(number: number): void {
    for (const [at, trigger] of [...waiting.entries()].reverse()) {
      if (!isClosing(trigger) || trigger.number !== number) continue;
      waiting.splice(at, 1);
      lost += 1;
    }
  }

  async function play(step: Step): Promise<void> {
    // Within one millisecond nobody knows what was first.
    world.clock.nowMs += 1;
    switch (step.do) {
      case "push":
        return push(`b${step.branch}`, newSha(), step);
      case "restore": {
        const sha = lastShas.get(`b${step.branch}`);
        if (sha !== undefined && !repository.branches.has(`b${step.branch}`)) await push(`b${step.branch}`, sha, step);
        return;
      }
      case "pull": {
        const trigger = pullOf(step.number, newSha(), repository.pulls.has(step.number), world.clock.nowMs);
        repository.pulls.set(step.number, trigger);
        repository.closedPulls.delete(step.number);
        loseClosings(step.number);
        return tell(trigger, step);
      }
      case "tag": {
        const commit = newSha();
        const sha = step.annotated ? newSha() : commit;
        if (step.annotated) repository.taggedCommits.set(sha, commit);
        const tag = `t${step.tag}`;
        repository.tags.set(tag, { tag, sha, kind: step.annotated ? "tag" : "commit" });
        return tell({ event: "tag", tag, sha: commit, occurredAtMs: world.clock.nowMs }, step);
      }
      case "untag":
        repository.tags.delete(`t${step.tag}`);
        return;
      case "delete":
        repository.branches.delete(`b${step.branch}`);
        return;
      case "close": {
        const pull = repository.pulls.get(step.number);
        if (pull === undefined) return;
        const trigger = { ...pull, action: "closed", occurredAtMs: world.clock.nowMs } as const;
        repository.pulls.delete(step.number);
        repository.closedPulls.set(step.number, trigger);
        const isFound = !losesSeenClosings || heads.seen?.has(`pull_request ${step.number}`) === true;
        return tell(trigger, isFound ? step : { ...step, hook: "now" });
      }
      case "hide":
        // What a first sight does not show is new afterwards.
        if (await isKnown()) repository.unlisted.add(step.number);
        return;
      case "deliver": {
        const [trigger] = waiting.splice(step.pick % Math.max(1, waiting.length), 1);
        if (trigger !== undefined) await handle(trigger);
        return;
      }
      case "wait":
        world.clock.nowMs += step.minutes * MINUTE_MS;
        return;
      case "sweep":
        return sweep(step);
    }
  }

  return {
    world,
    repository,
    must,
    may,
    closings,
    play,
    deaths: () => deaths,
    lost: () => lost,
    /** What is late comes, and sweeps have their time. */
    async end(): Promise<void> {
      while (waiting.length > 0) await play({ do: "deliver", pick: 0 });
      for (let sweeps = 0; sweeps < 3; sweeps += 1) {
        await play({ do: "wait", minutes: 5 });
        await play({ do: "sweep", atOnce: 1 });
      }
    },
    /** Names of the runs, one for each. */
    started: () =>
      world
        .runs()
        .map(({ trigger, source }) =>
          nameOf(trigger?.event ?? "", trigger?.number ?? trigger?.tag ?? trigger?.branch, source?.sha),
        ),
    /** Names of the closings that were written down. */
    closed: () =>
      world
        .closings()
        .map(({ pk, closedAtMs }) => nameOfClosing({ number: Number(pk.split("#").at(-1)), occurredAtMs: closedAtMs })),
  };
}

function headsOf({ branches, pulls }: RepositoryHeads): ReadonlyMap<string, string> {
  return new Map([
    ...branches.map(({ branch, sha }) => [`push ${branch}`, sha] as const),
    ...pulls.map(({ number, sha }) => [`pull_request ${number}`, sha] as const),
  ]);
}

const pullOf = (number: number, sha: string, isOpen: boolean, nowMs: number) =>
  ({
    event: "pull_request",
    action: isOpen ? "synchronize" : "opened",
    sha,
    occurredAtMs: nowMs,
    number,
    branch: `feature-${number}`,
    base: { branch: "b0", sha: "0".repeat(40) },
    fork: false,
  }) as const satisfies Trigger;

function isInjected(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isInjected);
  return error instanceof Error && error.name === INJECTED;
}
