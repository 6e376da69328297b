import { DomainError } from "../../shared/domain/errors.ts";
import { isRunEnded } from "../../shared/domain/verdict.ts";
import type { Completion } from "../../shared/protocol/products.ts";
import type { JobItem, RunItem } from "../../shared/store/items.ts";
import type { Tick } from "../../shared/store/queues.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { completeJob } from "../../shared/usecases/end-attempt.ts";
import { planRun } from "../../shared/usecases/plan-run.ts";
import { reconcileRun } from "../../shared/usecases/reconcile-run.ts";
import { sweepRuns } from "../../shared/usecases/sweep-runs.ts";
import { lastWord, newClaimId, runningAt } from "./scenario.ts";
import { MINUTE_MS, SECOND_MS } from "./times.ts";
import { sessionOf, type World } from "./world.ts";

/** How a job's attempt goes. `vanish`: its runner dies right after the acknowledgement. */
export type Play = Completion["outcome"] | "vanish";

export interface Driving {
  /** The deps that everything is driven with; the world's own where absent. */
  readonly deps?: Deps;
  readonly playOf?: (jobId: string, fence: number) => Play;
}

const STEPS_MAX = 5_000;
const VISIBILITY_MS = 180 * SECOND_MS;
const RECEIVES_MAX = 5;
const CALLS_MAX = 5;

interface Pending {
  readonly tick: Tick;
  readonly dueMs: number;
  readonly receives: number;
}

/**
 * Plays the world around one run until it has ended: queues that deliver, a fleet of one runner, the schedule of the
 * sweep, and time that passes when nothing is left to do. A message that fails comes back as SQS would bring it back.
 */
export async function driveToEnd(world: World, runId: string, driving: Driving = {}): Promise<RunItem> {
  const deps = driving.deps ?? world.deps;
  const pending: Pending[] = [];
  let sweptAtMs = world.clock.nowMs;
  for (let step = 0; step < STEPS_MAX; step += 1) {
    collectTicks(world, runId, pending);
    const run = await world.deps.store.getRun({ tenant: "main", runId });
    if (run === undefined || isRunEnded(run.state)) {
      if (run === undefined) throw new Error(`there is no run ${runId} to drive`);
      return run;
    }
    if (world.clock.nowMs - sweptAtMs >= MINUTE_MS) {
      sweptAtMs = world.clock.nowMs;
      await attempted(() => sweepRuns(deps));
    } else if (world.sent.plans.length > 0) await deliverPlans(world, deps, runId);
    else if (world.sent.offers.length > 0) await deliverOffers(world, deps, runId, driving.playOf ?? succeeds);
    else await deliverTick(world, deps, pending, sweptAtMs + MINUTE_MS);
  }
  throw new Error(`run ${runId} has not ended after ${STEPS_MAX} steps`);
}

const succeeds = (): Play => "succeeded";

function collectTicks(world: World, runId: string, pending: Pending[]): void {
  for (const { delayMs, ...tick } of world.sent.ticks.splice(0)) {
    if (tick.runId === runId) pending.push({ tick, dueMs: world.clock.nowMs + delayMs, receives: 0 });
  }
}

async function deliverPlans(world: World, deps: Deps, runId: string): Promise<void> {
  for (const plan of world.sent.plans.splice(0)) if (plan.runId === runId) await attempted(() => planRun(deps, plan));
}

async function deliverOffers(
  world: World,
  deps: Deps,
  runId: string,
  playOf: (jobId: string, fence: number) => Play,
): Promise<void> {
  for (const { offer, pool } of world.sent.offers.splice(0)) {
    if (offer.runId !== runId) continue;
    await attempted(async () => {
      const claimId = newClaimId();
      const { claims } = await retried(() =>
        runningAt(deps, offer, { fence: offer.fence, claimId, session: sessionOf("r1", [pool]) }),
      );
      const play = playOf(offer.jobId, claims.fence);
      if (play !== "vanish") await retried(() => completeJob(deps, claims, lastWord(play)));
    });
  }
}

/** A runner repeats a call that failed for no fault of its own. */
async function retried<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (tries >= CALLS_MAX || !isInjected(error)) throw error;
    }
  }
}

const isInjected = (error: unknown) => error instanceof Error && error.name === INJECTED;

/** Delivers the tick that is due, or lets time pass to the next tick or sweep. */
async function deliverTick(world: World, deps: Deps, pending: Pending[], nextSweepMs: number): Promise<void> {
  pending.sort((a, b) => a.dueMs - b.dueMs);
  const [next] = pending;
  if (next === undefined || next.dueMs > world.clock.nowMs) {
    world.clock.nowMs = Math.max(world.clock.nowMs, Math.min(next?.dueMs ?? nextSweepMs, nextSweepMs));
    return;
  }
  pending.shift();
  const done = await attempted(() => reconcileRun(deps, next.tick));
  const receives = next.receives + 1;
  if (!done && receives < RECEIVES_MAX)
    pending.push({ tick: next.tick, dueMs: world.clock.nowMs + VISIBILITY_MS, receives });
}

/** False where it failed: as a Lambda whose error is logged, and whose message comes back. */
async function attempted(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (error instanceof DomainError || isInjected(error)) return false;
    throw error;
  }
}

/** The name of the errors that a test injects: any other is a bug. */
export const INJECTED = "InjectedFault";

export function injectedFault(what: string): Error {
  const error = new Error(`injected: ${what}`);
  error.name = INJECTED;
  return error;
}

/** What a run came to, without times and without how often it took: what faults must not change. */
export async function finalState(deps: Deps, runId: string) {
  const { run, jobs, checks } = await deps.store.getRunItems({ tenant: "main", runId });
  return {
    run: run?.state,
    open: run?.open,
    tally: run?.tally,
    jobs: Object.fromEntries(jobs.map((job: JobItem) => [job.jobId, job.state])),
    checks: Object.fromEntries(checks.map((check) => [check.checkId, check.outcome])),
  };
}
