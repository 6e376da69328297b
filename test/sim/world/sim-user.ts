import type { Plan } from "../../../shared/domain/plan.ts";
import {
  ApiError,
  type CallInput,
  type Client,
  makeClient,
  UnreachableError,
} from "../../../shared/protocol/client.ts";
import type { Actor } from "../engine/actor.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { PlannedRuns } from "./planned-runs.ts";
import { definitionOf } from "./random-plan.ts";
import { GONE } from "./sim-attempt-io.ts";
import { CONTROL_PLANE_URL } from "./sim-runner.ts";

/** Somebody who asks for runs, asks again when no answer comes, changes their mind, follows, and runs again. */
export interface UserDeps {
  readonly sim: Simulation;
  readonly plane: ControlPlane;
  readonly token: string;
  readonly planned: PlannedRuns;
  readonly plan: Plan;
  /** Resolves for the acting user when the run has ended. */
  readonly ended: (runId: string) => Promise<void>;
  readonly answered: (answer: UserAnswer) => void;
  readonly done: () => void;
}

/** What the control plane promised a user. */
export interface UserAnswer {
  readonly runId: string;
  /** The key that made asking again the same request; undefined where each request is one of its own. */
  readonly key: string | undefined;
}

const SECOND_MS = 1_000;
const AGAIN_MS = 2 * SECOND_MS;

export function startUser(deps: UserDeps): void {
  const { sim } = deps;
  const actor = sim.spawn("user");
  sim.world(1, "a user comes", () =>
    sim.act(actor, () => {
      story(deps, actor).then(deps.done, (error: unknown) => sim.fail(error));
    }),
  );
}

async function story(deps: UserDeps, actor: Actor): Promise<void> {
  const { dice } = actor;
  const client = makeClient({
    url: CONTROL_PLANE_URL,
    token: deps.token,
    exchange: deps.plane.network({ cutOff: false }),
  });
  const wants = {
    key: dice() < 0.6,
    twice: dice() < 0.2,
    asText: dice() < 0.08,
    asSource: dice() < 0.1,
    watch: dice() < 0.15,
    cancelAfterMs: dice() < 0.2 ? dice() * dice() * 60 * SECOND_MS : undefined,
    follows: dice() < 0.1,
    reruns: dice() < 0.12,
    sourceGone: dice() < 0.2,
  };
  const body = bodyOf(deps, wants);
  const create = () => createRun(deps, client, body, wants.key ? "the key" : undefined);
  const [runId] = await Promise.all(wants.twice ? [create(), create()] : [create()]);
  if (runId === undefined) throw new Error("a run was asked for, and none came");
  if (wants.follows) await follow(client, runId);
  if (wants.cancelAfterMs !== undefined) {
    await pause(wants.cancelAfterMs);
    await insist(() => client.call("cancelRun", { params: { run: runId }, body: {} }));
  }
  await deps.ended(runId);
  if (!wants.reruns) return;
  const again = await rerun(deps, client, runId, dice() < 0.5 ? "failed" : "all");
  if (again !== undefined) await deps.ended(again);
}

type CreateBody = CallInput<"createRun">["body"];

function bodyOf(
  { planned, plan }: UserDeps,
  wants: {
    readonly asText: boolean;
    readonly asSource: boolean;
    readonly sourceGone: boolean;
    readonly watch: boolean;
  },
): CreateBody {
  const definition = { path: "sim.yml", text: wants.asText ? definitionOf(plan) : planned.addPlan(plan) };
  const source = { kind: "git" as const, url: "/sim/repository", sha: "", branch: wants.sourceGone ? GONE : "main" };
  return wants.asSource
    ? { source: { ...source, sha: planned.addText(definitionOf(plan)) }, watch: wants.watch }
    : { definition, watch: wants.watch };
}

async function createRun(
  { answered }: UserDeps,
  client: Client,
  body: CreateBody,
  key: string | undefined,
): Promise<string> {
  const headers = { "idempotency-key": key };
  const { run } = await insist(() => client.call("createRun", { body, headers }));
  answered({ runId: run.id, key });
  return run.id;
}

async function rerun(
  { answered }: UserDeps,
  client: Client,
  runId: string,
  only: "all" | "failed",
): Promise<string | undefined> {
  try {
    const headers = { "idempotency-key": "again" };
    const { run } = await insist(() => client.call("rerunRun", { params: { run: runId }, body: { only }, headers }));
    answered({ runId: run.id, key: "again" });
    return run.id;
  } catch (error) {
    // There may be nothing to run again, or never was a plan.
    if (error instanceof ApiError && error.code === "conflict") return undefined;
    throw error;
  }
}

/** Reads whatever there is to read: the views must hold in every state. */
async function follow(client: Client, runId: string): Promise<void> {
  for (let look = 0; look < 3; look += 1) {
    const { jobs } = await insist(() => client.call("listJobs", { params: { run: runId } }));
    for (const { id } of jobs.slice(0, 3))
      await insist(() => client.call("getLog", { params: { run: runId, job: id }, query: { after: -1 } }));
    await pause(3 * SECOND_MS);
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms));

/** Asks until there is an answer. */
export async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const passing = error instanceof UnreachableError || (error instanceof ApiError && error.status >= 500);
      if (!passing) throw error;
      await pause(AGAIN_MS);
    }
  }
}
