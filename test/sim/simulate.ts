import { createToken } from "../../shared/usecases/manage-tokens.ts";
import { checkEnd } from "./check/end-state.ts";
import { type Report, Violation } from "./check/violation.ts";
import { watchAttempts } from "./check/watch-attempts.ts";
import { watchMessages } from "./check/watch-messages.ts";
import { watchTable } from "./check/watch-table.ts";
import { oneOf, wholeOf } from "./engine/dice.ts";
import { makeSimulation, type Simulation } from "./engine/simulation.ts";
import { allHarmless, drawFaults } from "./faults.ts";
import { type ControlPlane, makeControlPlane } from "./world/control-plane.ts";
import { letHappen } from "./world/happenings.ts";
import { makePlannedRuns } from "./world/planned-runs.ts";
import { randomPlan } from "./world/random-plan.ts";
import { makeHost, type SimHost } from "./world/sim-host.ts";
import { type SimRunner, startSimRunner } from "./world/sim-runner.ts";
import { startUser, type UserAnswer } from "./world/sim-user.ts";

/** What came of one world. */
export interface Outcome {
  readonly seed: number;
  readonly traceHash: string;
  /** What does not hold; undefined where all does. */
  readonly broken: Error | undefined;
  /** The faults that struck, by name. */
  readonly struck: readonly string[];
  readonly jobs: number;
  readonly events: number;
  readonly writes: number;
  /** When all was quiet, in virtual milliseconds. */
  readonly quietMs: number;
  readonly story: readonly string[];
}

export interface Simulate {
  readonly seed: number;
  /** Only these faults strike. */
  readonly only?: ReadonlySet<string>;
  /** Keeps the story: slower. */
  readonly recording?: boolean;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** After the last fault everything must have ended within this: the backlog drains (invariant 20). */
const QUIET_WITHIN_MS = 3 * HOUR_MS;
/** A world without any runner ends by its queue deadlines alone. */
const NOBODY_WITHIN_MS = 30 * HOUR_MS;
const NOBODY_SHARE = 0.002;
/** Worlds of slow clocks, long and stubborn steps, late answers and lost contact: where a lease's margin is all used. */
const STRAINED_SHARE = 0.08;
/** What was delayed before the last fault may still be on its way for so long. */
const UNDERWAY_MS = 65 * SECOND_MS;
/** Watched on after the end: a sweep passes, and nothing may stir. */
const STILL_MS = 70 * SECOND_MS;
const EVENTS_MAX = 1_000_000;
const RESTART_MS_MAX = 20 * SECOND_MS;

/** Lets one seeded world live until all is quiet, and tells what in it does not hold. */
export async function simulate({ seed, only, recording = false }: Simulate): Promise<Outcome> {
  const sim = makeSimulation(seed, recording);
  const dice = sim.dice("world");
  const pools: readonly [string, ...string[]] = dice() < 0.3 ? ["default", "gpu"] : ["default"];
  const nobody = dice() < NOBODY_SHARE;
  const hostCount = wholeOf(dice, 1, 4);
  const strained = dice() < STRAINED_SHARE;
  const plan = randomPlan(sim.dice("plan"), pools, strained);
  const faults = drawFaults({ sim, hosts: hostCount, strained, only });
  const planned = makePlannedRuns();
  const plane = makeControlPlane(sim, faults, pools, planned);
  const token = await makeToken(plane, sim);
  const report: Report = (invariant, message) => sim.fail(new Violation(invariant, message));
  const attempts = watchAttempts({ sim, table: plane.table, plan, harmless: () => allHarmless(faults.struck) }, report);
  const watched = watchTable(plane.table, attempts, report);
  const messages = watchMessages(plane, () => watched.openRuns, report);
  const answers: UserAnswer[] = [];
  const hosts = Array.from({ length: hostCount }, (_, number) => makeHost(sim, number, strained));
  const runners = new Map<SimHost, SimRunner>();
  let userDone = false;
  let stillAtMs = Number.POSITIVE_INFINITY;

  function startRunner(host: SimHost, number: number): void {
    if (host.suspended) return void sim.world(SECOND_MS, "supervisor", () => startRunner(host, number));
    const own = sim.dice(`runner of ${host.name}`);
    const runner = startSimRunner({
      sim,
      faults,
      plane,
      host,
      token,
      // Each pool is somebody's.
      pools: number === 0 || own() < 0.5 ? pools : [oneOf(own, pools)],
      slots: wholeOf(own, 1, 4),
      watch: attempts,
      offerDeleted: messages.offerDeleted,
      logged: attempts.logged,
      emitted: attempts.emitted,
    });
    runners.set(host, runner);
    runner.actor.onDeath.push(() => {
      runners.delete(host);
      const again = sim.dice(sim.numbered(`restart of ${host.name}`))() * RESTART_MS_MAX;
      sim.world(SECOND_MS + again, "supervisor", () => startRunner(host, number));
    });
  }

  if (!nobody)
    for (const [number, host] of hosts.entries())
      sim.world(sim.dice(`start of ${host.name}`)() * 3 * SECOND_MS, "supervisor", () => startRunner(host, number));
  letHappen({
    sim,
    faults,
    hosts,
    runnerOf: (host) => runners.get(host),
    attempts: attempts.attempts,
    bucket: plane.bucket,
  });
  startUser({
    sim,
    plane,
    token,
    planned,
    plan,
    ended: endings(sim, plane),
    answered: (answer) => void answers.push(answer),
    done: () => {
      userDone = true;
    },
  });

  function isQuiet(): boolean {
    return (
      userDone &&
      watched.openRuns === 0 &&
      sim.nowMs() >= faults.healAtMs + UNDERWAY_MS &&
      attempts.running() === 0 &&
      (nobody || pools.every((pool) => plane.queues.pool(pool).size === 0))
    );
  }

  function done(): boolean {
    if (!userDone || watched.openRuns > 0) {
      stillAtMs = Number.POSITIVE_INFINITY;
      return false;
    }
    if (stillAtMs < Number.POSITIVE_INFINITY) return sim.nowMs() >= stillAtMs;
    if (isQuiet()) {
      stillAtMs = sim.nowMs() + STILL_MS;
      messages.beStill();
    }
    return false;
  }

  let broken: Error | undefined;
  try {
    const untilMs = faults.healAtMs + (nobody ? NOBODY_WITHIN_MS : QUIET_WITHIN_MS);
    const how = await sim.run({ untilMs, eventsMax: EVENTS_MAX, done });
    if (how !== "done") throw new Violation(20, `not quiet: ${how}, ${watched.openRuns} runs open`);
    const found: Violation[] = [];
    const note: Report = (invariant, message) => void found.push(new Violation(invariant, message));
    const budgets = new Map(plan.jobs.map(({ id, retries }) => [id, retries]));
    const { table } = plane;
    checkEnd({ table, objects: plane.bucket.objects, logged: attempts.logs, budgetOf: (id) => budgets.get(id) }, note);
    checkAnswers(plane, answers, note);
    attempts.checkEnd(note);
    broken = found[0];
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error), { cause: error });
  }
  return {
    seed,
    traceHash: sim.traceHash(),
    broken,
    struck: faults.struck,
    jobs: plan.jobs.length,
    events: sim.events(),
    writes: watched.writes,
    quietMs: sim.nowMs() - faults.healAtMs,
    story: sim.story,
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
