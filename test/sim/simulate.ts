import type { Plan, PlannedJob } from "../../shared/domain/plan.ts";
import { createToken } from "../../shared/usecases/manage-tokens.ts";
import { checkEnd } from "./check/end-state.ts";
import { type ForgeRest, watchForgeRest } from "./check/forge-rest.ts";
import { checkNothingMissed } from "./check/nothing-missed.ts";
import { checkShown, watchShown } from "./check/shown.ts";
import { type Report, Violation } from "./check/violation.ts";
import { type WatchedAttempts, watchAttempts } from "./check/watch-attempts.ts";
import { type WatchedMessages, watchMessages } from "./check/watch-messages.ts";
import { type Watched, watchTable } from "./check/watch-table.ts";
import { wholeOf } from "./engine/dice.ts";
import { makeSimulation, type Simulation } from "./engine/simulation.ts";
import { allHarmless, drawFaults, type Faults } from "./faults.ts";
import { type ControlPlane, makeControlPlane } from "./world/control-plane.ts";
import { startFleet } from "./world/fleet.ts";
import { type ForgeWorld, makeProject } from "./world/forge/forge-plane.ts";
import { forgeJobs, randomPipelines } from "./world/forge/pipelines.ts";
import { makeSimForge } from "./world/forge/sim-forge.ts";
import { type LivingForge, startForge } from "./world/forge/start-forge.ts";
import { makePlannedRuns, type PlannedRuns } from "./world/planned-runs.ts";
import { randomPlan } from "./world/random-plan.ts";
import { startUser, type UserAnswer } from "./world/sim-user.ts";

/** What came of one world. */
export interface Outcome {
  readonly seed: number;
  readonly hasForge: boolean;
  readonly traceHash: string;
  /** What does not hold; undefined where all does. */
  readonly broken: Error | undefined;
  /** The faults that struck, by name. */
  readonly struck: readonly string[];
  readonly jobs: number;
  readonly events: number;
  readonly writes: number;
  /** When all was quiet, in virtual milliseconds after the last fault. */
  readonly quietMs: number;
  readonly story: readonly string[];
}

export interface Simulate {
  readonly seed: number;
  /** Only these faults strike. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Whether there is a forge; as the seed says where absent. */
  readonly forge?: boolean | undefined;
  /** Keeps the story: slower. */
  readonly recording?: boolean;
}

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
/** After the last fault everything must have ended within this: the backlog drains (invariant 20). */
const QUIET_WITHIN_MS = 3 * HOUR_MS;
/** A world without any runner ends by its queue deadlines alone. */
const NOBODY_WITHIN_MS = 30 * HOUR_MS;
const NOBODY_SHARE = 0.002;
/** Worlds whose runs are started by what happens in a repository, and shown there. */
const FORGE_SHARE = 0.25;
/** Worlds of slow clocks, long and stubborn steps, late answers and lost contact: where a lease's margin is all used. */
const STRAINED_SHARE = 0.08;
/** What was delayed before the last fault may still be on its way for so long. */
const UNDERWAY_MS = 65 * SECOND_MS;
/** Watched on after the end: a sweep passes, and nothing may stir. */
const STILL_MS = 70 * SECOND_MS;
/** Worlds need some thousand. */
const EVENTS_MAX = 1_000_000;
const HOSTS_MAX = 4;

/** Lets one seeded world live until all is quiet, and tells what in it does not hold. */
export async function simulate({ seed, only, forge, recording = false }: Simulate): Promise<Outcome> {
  const sim = makeSimulation(seed, recording);
  const world = await makeWorld(sim, { only, forge: forge ?? sim.dice("has a forge")() < FORGE_SHARE });
  const broken = await live(sim, world);
  return {
    seed,
    hasForge: world.living !== undefined,
    traceHash: sim.traceHash(),
    broken,
    struck: world.faults.struck,
    jobs: world.jobs.length,
    events: sim.events(),
    writes: world.watched.writes,
    quietMs: sim.nowMs() - world.faults.healAtMs,
    story: sim.story,
  };
}

interface World {
  /** Every job that there may be. */
  readonly jobs: readonly Pick<PlannedJob, "id" | "retries" | "spec">[];
  readonly pools: readonly [string, ...string[]];
  /** No runner ever comes. */
  readonly nobody: boolean;
  readonly faults: Faults;
  readonly plane: ControlPlane;
  readonly attempts: WatchedAttempts;
  readonly watched: Watched;
  readonly messages: WatchedMessages;
  readonly user: { answers: UserAnswer[]; done: boolean };
  readonly living: (LivingForge & ForgeRest) | undefined;
}

/** Everything as it stands at the beginning, with whoever looks at it. */
async function makeWorld(
  sim: Simulation,
  asked: { readonly only: Simulate["only"]; readonly forge: boolean },
): Promise<World> {
  const dice = sim.dice("world");
  const pools: readonly [string, ...string[]] = dice() < 0.3 ? ["default", "gpu"] : ["default"];
  const nobody = dice() < NOBODY_SHARE;
  const hosts = wholeOf(dice, 1, HOSTS_MAX);
  const strained = dice() < STRAINED_SHARE;
  const plan = randomPlan(sim.dice("plan"), pools, strained);
  const faults = drawFaults({ sim, hosts, strained, hasForge: asked.forge, only: asked.only });
  const planned = makePlannedRuns();
  const forge = asked.forge ? makeForgeWorld(sim, faults, pools) : undefined;
  const plane = makeControlPlane(sim, faults, pools, planned, forge);
  const token = await makeToken(plane, sim);
  const report: Report = (invariant, message) => sim.fail(new Violation(invariant, message));
  const harmless = () => allHarmless(faults.struck);
  const bucketStruck = () => faults.struck.some((fault) => fault.startsWith("bucket"));
  const jobs = forge === undefined ? plan.jobs : forgeJobs();
  const attempts = watchAttempts({ sim, table: plane.table, jobs, harmless, bucketStruck }, report);
  const watched = watchTable(plane.table, attempts, report);
  const messages = watchMessages(plane, () => watched.openRuns, report);
  if (!nobody) startFleet({ sim, faults, plane, token, pools, hosts, strained, attempts, messages });
  const same = { jobs, pools, nobody, faults, plane, attempts, watched, messages };
  if (forge === undefined) return { ...same, user: comeUser({ sim, plane, token, planned, plan }), living: undefined };
  const living = startForge(sim, faults, { world: forge, plane, token });
  watchShown(sim, plane.table, living, report);
  const rest = watchForgeRest(sim, faults, plane, living);
  return { ...same, user: { answers: [], done: true }, living: { ...living, ...rest } };
}

function makeForgeWorld(sim: Simulation, faults: Faults, pools: World["pools"]): ForgeWorld {
  const forge = makeSimForge(sim, faults, randomPipelines(sim.dice("pipelines"), pools));
  return { forge, project: makeProject(sim, pools) };
}

interface ComingUser {
  readonly sim: Simulation;
  readonly plane: ControlPlane;
  readonly token: string;
  readonly planned: PlannedRuns;
  readonly plan: Plan;
}

function comeUser(coming: ComingUser): World["user"] {
  const user: World["user"] = { answers: [], done: false };
  startUser({
    ...coming,
    ended: endings(coming.sim, coming.plane),
    answered: (answer) => void user.answers.push(answer),
    done: () => {
      user.done = true;
    },
  });
  return user;
}

/** What does not hold, if anything. */
async function live(sim: Simulation, world: World): Promise<Error | undefined> {
  const { faults, nobody, watched } = world;
  const untilMs = faults.healAtMs + (nobody ? NOBODY_WITHIN_MS : QUIET_WITHIN_MS);
  try {
    const how = await sim.run({ untilMs, eventsMax: EVENTS_MAX, done: stillness(sim, world) });
    if (how !== "done") throw new Violation(20, `not quiet: ${how}, ${watched.openRuns} runs open`);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error), { cause: error });
  }
  const found: Violation[] = [];
  const note: Report = (invariant, message) => void found.push(new Violation(invariant, message));
  const { plane, jobs, attempts, living } = world;
  const budgets = new Map(jobs.map(({ id, retries }) => [id, retries]));
  const { objects } = plane.bucket;
  checkEnd({ table: plane.table, objects, logged: attempts.logs, budgetOf: (id) => budgets.get(id) }, note);
  checkAnswers(plane, world.user.answers, note);
  attempts.checkEnd(note);
  if (living !== undefined) {
    const { table } = plane;
    checkNothingMissed({ table, living, knownSinceMs: living.knownSinceMs() }, note);
    checkShown(table, living, note);
  }
  return found[0];
}

/** Whether all has ended, and nothing has stirred for a while. Asked before every event. */
function stillness(sim: Simulation, world: World): () => boolean {
  const { faults, nobody, watched, user, attempts, pools, plane, messages, living } = world;
  let stillAtMs = Number.POSITIVE_INFINITY;
  return () => {
    if (!user.done || watched.openRuns > 0 || living?.isAtRest() === false) {
      stillAtMs = Number.POSITIVE_INFINITY;
      return false;
    }
    if (stillAtMs < Number.POSITIVE_INFINITY) return sim.nowMs() >= stillAtMs;
    if (sim.nowMs() < faults.healAtMs + UNDERWAY_MS || attempts.running() > 0) return false;
    if (!nobody && pools.some((pool) => plane.queues.pool(pool).size > 0)) return false;
    stillAtMs = sim.nowMs() + STILL_MS;
    messages.beStill();
    return false;
  };
}

/** A token of an operator, made before the world begins. */
async function makeToken(plane: ControlPlane, sim: Simulation): Promise<string> {
  const clock = sim.spawn("operator").clock;
  const { random, settings } = plane.deps;
  const store = { ...plane.deps.store, addToken: async (item: object) => void plane.table.putNew([item as never]) };
  return (await createToken({ store, clock, random, settings }, { name: "sim", scopes: ["admin"] })).token;
}

/** For whoever acts: resolves when the run has ended. */
function endings(sim: Simulation, plane: ControlPlane): (runId: string) => Promise<void> {
  const waiting: { readonly pk: string; readonly tell: () => void }[] = [];
  plane.table.watch(({ key, after }) => {
    if (after["family"] !== "run" || after["endedAtMs"] === undefined) return;
    for (const { pk, tell } of waiting) if (pk === key.pk) tell();
  });
  return (runId) => {
    const pk = `T#main#RUN#${runId}`;
    const actor = sim.current();
    return new Promise((resolve) => {
      const tell = () => void sim.at(actor, SECOND_MS, "a run has ended", resolve);
      if (plane.table.get({ pk, sk: "RUN" })?.["endedAtMs"] !== undefined) tell();
      else waiting.push({ pk, tell });
    });
  };
}

/** Every run that was promised is there, and one key made one run. */
function checkAnswers(plane: ControlPlane, answers: readonly UserAnswer[], report: Report): void {
  for (const { runId } of answers)
    if (plane.table.get({ pk: `T#main#RUN#${runId}`, sk: "RUN" }) === undefined)
      report(5, `run ${runId} was promised, and is not there`);
  for (const [key, same] of Map.groupBy(answers, (answer) => answer.key))
    if (key !== undefined && new Set(same.map(({ runId }) => runId)).size > 1)
      report(15, `requests with one key were answered with ${same.map(({ runId }) => runId).join(", ")}`);
}
