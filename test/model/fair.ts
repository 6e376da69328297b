import { FOLLOW_UPS_MAX, HEARTBEAT_MS, LEASE_TTL_MS, SWEEP_LAG_MS, TICK_MAX_MS } from "../../shared/domain/limits.ts";
import { isJobEnded, isRunEnded } from "../../shared/domain/verdict.ts";
import type { JobItem, RunItem } from "../../shared/store/items.ts";
import { waitsForApproval } from "../../shared/usecases/births.ts";
import { type DueAction, dueActions, nextWakeMs } from "../../shared/usecases/due-actions.ts";
import { checkHeldBack } from "./check-approval.ts";
import { CHOICES } from "./choices.ts";
import { tableKey } from "./key.ts";
import type { Attempt, Group, State } from "./state.ts";
import { admit } from "./steps/approve.ts";
import { endArgsOf } from "./steps/last-words.ts";
import { settling } from "./steps/settle.ts";
import type { JobMoveName } from "./tables.ts";
import { Violation } from "./violation.ts";
import type { Context } from "./world.ts";
import { jobOf, writeJob, writeRun } from "./write.ts";

/**
 * Liveness (invariants 5, 6, 13 and the second half of 7): from every reachable table, with every message lost and every
 * host dead, the reconciler alone brings the run to its end; and where one fresh runner takes offers, no job is
 * abandoned. Run once for each different table; nothing in it is random.
 */
export interface FairChecks {
  readonly context: Context;
  /** Tables from which the run is known to end, without and with a runner. */
  readonly unserved: Set<string>;
  readonly served: Set<string>;
  readonly runs: () => number;
}

export function makeFairChecks(explored: Context): FairChecks {
  const context = { ...explored, applied: new Set<string>() };
  const unserved = new Set<string>();
  const served = new Set<string>();
  return { context, unserved, served, runs: () => unserved.size + served.size };
}

/** Ticks until a run must have ended. */
const ROUNDS_MAX = 200;

export function checkFair(checks: FairChecks, state: State): void {
  for (const group of state.groups) {
    if (isOver(group.run)) continue;
    const key = tableKey(checks.context.world, group, state.nowMs);
    if (!checks.unserved.has(key)) runAlone(checks.context, group, state.nowMs, checks.unserved, false);
    if (!checks.served.has(key)) runAlone(checks.context, group, state.nowMs, checks.served, true);
  }
}

function runAlone(context: Context, group: Group, nowMs: number, good: Set<string>, served: boolean): void {
  try {
    runFairly(context, group, nowMs, good, served);
  } catch (error) {
    if (error instanceof Violation) error.message = `from here the reconciler goes on alone: ${error.message}`;
    throw error;
  }
}

/** Goes on until the run has ended, or stands as it did on another way that led to its end. */
function runFairly(context: Context, first: Group, startMs: number, good: Set<string>, served: boolean): void {
  const way: string[] = [];
  let group: Group = { ...first, attempts: [] };
  let nowMs = startMs;
  let idleMs = 0;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const key = tableKey(context.world, group, nowMs);
    checkHeldBack(group);
    checkAwake(group, served);
    checkSeenOut(group);
    if (isOver(group.run) || good.has(key)) {
      for (const passed of way) good.add(passed);
      return;
    }
    way.push(key);
    if (context.world.fork) nowMs = sweptAtMs(group.run, nowMs);
    const looked = reconcileOnce(context, group, nowMs, served);
    // Where nobody comes, ticks that would find nothing due are lost too: the silence doubles.
    idleMs = served || looked.group !== group ? 0 : 2 * idleMs + TICK_MAX_MS;
    group = served ? serve(context, looked.group, looked.offers, nowMs) : looked.group;
    group = passOn(context, group, nowMs);
    nowMs = (context.world.fork ? nowMs : nextWakeMs({ ...group, joins: [] }, nowMs)) + idleMs;
  }
  const open = group.jobs.filter((job) => !isJobEnded(job.state)).map((job) => `${job.jobId} is ${job.state}`);
  const who = served ? "a runner that takes every offer" : "no runner at all";
  throw new Violation(5, `with every message lost and ${who}, the run never ends: it is ${group.run.state}, ${open}`);
}

/** Ended, and nobody looks at it again. */
const isOver = ({ state, wakeAtMs, dueShard }: RunItem): boolean =>
  isRunEnded(state) && (wakeAtMs === undefined || dueShard === undefined);

/** A dead runner strands no job, also not one of a run that its deadline has closed. */
function checkSeenOut({ run, jobs }: Group): void {
  const open = jobs.filter((job) => !isJobEnded(job.state)).map((job) => `${job.jobId} is ${job.state}`);
  if (isOver(run) && open.length > 0)
    throw new Violation(13, `the run is ${run.state}, nobody looks at it again, and ${open}`);
}

/** Of a fork's run, sweep alone wakes the reconciler, and only by what the run item says: it may have been parked. */
function sweptAtMs({ wakeAtMs, dueShard }: RunItem, nowMs: number): number {
  if (wakeAtMs === undefined || dueShard === undefined)
    throw new Violation(5, "the run is not in the index of due runs, and nobody will ever look at it again");
  return Math.max(nowMs, wakeAtMs + SWEEP_LAG_MS + 1);
}

/** As the reconciler does it (reconcile-run.ts): a run that waits for its approval sleeps until its hard deadline. */
function passOn(context: Context, group: Group, nowMs: number): Group {
  const { run } = group;
  const base = { nowMs, seq: run.tickSeq };
  const wakeAtMs = nextWakeMs({ ...group, joins: [] }, nowMs);
  if (isRunEnded(run.state)) {
    const move = group.jobs.every((job) => isJobEnded(job.state)) ? "forget" : "seeOut";
    return writeRun(context, group, { move, args: { ...base, wakeAtMs } }) ?? group;
  }
  const write =
    run.state === "live" && waitsForApproval(run)
      ? ({ move: "park", args: { ...base, wakeAtMs: run.hardDeadlineMs } } as const)
      : ({ move: "tick", args: { ...base, wakeAtMs } } as const);
  return writeRun(context, group, write) ?? group;
}

/** Who approves a commit need not wait for its answer until the run's hard deadline. */
function checkAwake({ run }: Group, served: boolean): void {
  if (served && run.state === "timed_out" && run.approval?.atMs !== undefined)
    throw new Violation(5, "the run was approved, and slept until its hard deadline though a runner took every offer");
}

interface Looked {
  readonly group: Group;
  readonly offers: readonly string[];
}

/** One reconcile to its end, by the real list of what is due. */
function reconcileOnce(context: Context, before: Group, nowMs: number, served: boolean): Looked {
  let group = before;
  for (const move of ["timeOut", "forceCancel"] as const)
    group = writeRun(context, group, { move, args: { nowMs, reason: "the deadline" } }) ?? group;
  const offers: string[] = [];
  for (const action of dueActions({ ...group, joins: [] }, nowMs)) {
    if (action.kind === "reoffer" && context.rules.reoffer) offers.push(action.job.jobId);
    // Where somebody takes offers, no job may need this end.
    if (action.kind === "abandon" && served) continue;
    group = performDue(context, group, action, nowMs);
  }
  return { group: context.rules.reconcileSettles ? settleAll(context, group, nowMs) : group, offers };
}

function performDue(context: Context, group: Group, action: DueAction, nowMs: number): Group {
  switch (action.kind) {
    case "expire":
      if (!context.rules.expireStopping && action.job.state === "stopping") return group;
      return tryJob(context, group, action.job, CHOICES.expiry, nowMs);
    case "cancel":
      return tryJob(context, group, action.job, CHOICES.cancel, nowMs);
    case "timeout":
      return tryJob(context, group, action.job, CHOICES.timeout, nowMs);
    case "admit":
      return context.rules.reconcileAdmits ? (admit(context, group, action.job, nowMs) ?? group) : group;
    case "abandon":
      return tryJob(context, group, action.job, ["abandon"], nowMs);
    default:
      return group;
  }
}

/** The first row that accepts the job. */
function tryJob(context: Context, group: Group, job: JobItem, rows: readonly JobMoveName[], nowMs: number): Group {
  const now = jobOf(group, job.jobId);
  const holder = { fence: now.fence, claimId: now.lease?.claimId ?? "" };
  for (const move of rows) {
    const reason = group.run.state === "canceling" ? "cancel" : "timeout";
    const stop = { reason, atMs: nowMs, deadlineMs: nowMs + HEARTBEAT_MS };
    const result = { fence: now.fence, outcome: "canceled" };
    const args = { ...endArgsOf(context, move, holder, "expiry", nowMs), stop, reason, result };
    const next = writeJob(context, group, now, { move, args, nowMs });
    if (next !== undefined) return next;
  }
  return group;
}

/** Everything that follows, until nothing more does. */
function settleAll(context: Context, before: Group, nowMs: number): Group {
  let group = before;
  for (let writes = 0; writes < FOLLOW_UPS_MAX; writes += 1) {
    const next = firstFollow(context, group, nowMs);
    if (next === undefined) return group;
    group = next;
  }
  return group;
}

function firstFollow(context: Context, group: Group, nowMs: number): Group | undefined {
  for (const follow of settling(context, group, nowMs)) {
    const next = follow.write();
    if (next !== undefined) return next;
  }
  return undefined;
}

/** A fresh runner claims each offered job, runs it, and reports success; the handlers die right after their writes. */
function serve(context: Context, before: Group, offers: readonly string[], nowMs: number): Group {
  let group = before;
  for (const jobId of offers) {
    const job = jobOf(group, jobId);
    const { fence } = job;
    const holder = { claimId: `fresh/${jobId}/${fence}`, runnerId: "fresh", runnerName: "fresh", grantedAtMs: nowMs };
    const lease = { ...holder, expiresAtMs: nowMs + LEASE_TTL_MS };
    const base = { nowMs, fence: fence + 1, claimId: holder.claimId };
    const claim = { nowMs, fence, nextFence: fence + 1, pool: "default", lease, attempt: holder };
    group = writeJob(context, group, job, { move: "claim", args: claim, nowMs }) ?? group;
    const ack = { ...base, newExpiryMs: nowMs + LEASE_TTL_MS };
    const writer = { holder: base, nowMs };
    group = writeJob(context, group, jobOf(group, jobId), { ...writer, move: "ack", args: ack }) ?? group;
    group = withEnded(group, jobId, fence + 1, nowMs);
    const done = endArgsOf(context, "succeed", base, "succeeded", nowMs);
    group = writeJob(context, group, jobOf(group, jobId), { ...writer, move: "succeed", args: done }) ?? group;
  }
  return group;
}

function withEnded(group: Group, jobId: string, fence: number, nowMs: number): Group {
  const attempt: Attempt = {
    jobId,
    fence,
    claimId: `fresh/${jobId}/${fence - 1}`,
    runner: "fresh",
    grantedAtMs: nowMs,
    told: true,
    acked: true,
    processes: "ended_ok",
    fencedByMs: 0,
    expirySeen: false,
    timeoutSeen: false,
  };
  return { ...group, attempts: [...group.attempts, attempt] };
}
