import { STOP_GRACE_MS, TICK_MIN_MS } from "../../../shared/domain/limits.ts";
import { isJobEnded, isRunEnded } from "../../../shared/domain/verdict.ts";
import type { JobItem } from "../../../shared/store/items.ts";
import { CHOICES } from "../choices.ts";
import type { Attempt, Group, State } from "../state.ts";
import type { JobMoveName } from "../tables.ts";
import type { Context } from "../world.ts";
import { jobOf, writeJob, writeRun } from "../write.ts";
import { endArgsOf } from "./last-words.ts";
import { type Emit, withGroup } from "./step.ts";

/**
 * What a reconcile writes about leases, timeouts, cancels and deadlines (shared/usecases/reconcile-run.ts): at any
 * moment, by any row that its chooser may choose, also from what it saw long ago.
 */
export function reconcile(context: Context, state: State, emit: Emit): void {
  state.groups.forEach((group, at) => {
    const one: One = { context, state, group, at, emit };
    for (const attempt of group.attempts) {
      if (attempt.expirySeen) expire(one, attempt);
      if (attempt.timeoutSeen) timeOut(one, attempt);
    }
    const stopping = ["canceling", "canceled", "timed_out"].includes(group.run.state);
    for (const job of group.jobs) {
      if (stopping) cancel(one, job);
      abandon(one, job);
    }
    closeAtDeadline(one);
    lookAgain(one);
  });
}

interface One {
  readonly context: Context;
  readonly state: State;
  readonly group: Group;
  readonly at: number;
  readonly emit: Emit;
}

function expire(one: One, attempt: Attempt): void {
  const { context, state, group } = one;
  const job = jobOf(group, attempt.jobId);
  for (const move of CHOICES.expiry) {
    if (!context.tables.job[move].from.includes(job.state)) continue;
    const args = endArgsOf(context, move, attempt, "expiry", state.nowMs);
    write(one, job, move, args, () => `a reconcile finds the lease of ${job.jobId} (fence ${attempt.fence}) expired`);
  }
}

function timeOut(one: One, attempt: Attempt): void {
  const job = jobOf(one.group, attempt.jobId);
  const { timeoutStopsOnly } = one.context.rules;
  for (const move of timeoutStopsOnly ? CHOICES.timeout : CHOICES.cancel) {
    const fence = move === "stop" ? attempt.fence : job.fence;
    write(one, job, move, stopArgs(one, "timeout", fence), () => `a reconcile finds ${job.jobId} past its timeout`);
  }
}

function cancel(one: One, job: JobItem): void {
  for (const move of CHOICES.cancel)
    write(one, job, move, stopArgs(one, "cancel", job.fence), () => `${job.jobId} is canceled with its run`);
}

function abandon(one: One, job: JobItem): void {
  if (!one.context.tables.job.abandon.from.includes(job.state)) return;
  const { nowMs } = one.state;
  const args = { nowMs, fence: job.fence, reason: "nobody came", result: { fence: job.fence, outcome: "lost" } };
  write(one, job, "abandon", args, () => `nobody came for ${job.jobId} before its queue deadline`);
}

function stopArgs({ state }: Pick<One, "state">, reason: "cancel" | "timeout", fence: number) {
  const { nowMs } = state;
  const stop = { reason, atMs: nowMs, deadlineMs: nowMs + STOP_GRACE_MS };
  // The last three are what a mutant that ends the job at once would write.
  const end = { end: { outcome: "timed_out", atMs: nowMs }, claimId: "" };
  return { nowMs, fence, stop, reason, result: { fence, outcome: "canceled" }, ...end };
}

function write(one: One, job: JobItem, move: JobMoveName, args: Record<string, unknown>, say: () => string): void {
  const { context, state, group, at, emit } = one;
  const next = writeJob(context, group, job, { move, args, nowMs: state.nowMs });
  if (next !== undefined) emit(withGroup(state, at, next), () => `${say()}: ${move}`);
}

function closeAtDeadline({ context, state, group, at, emit }: One): void {
  for (const move of ["timeOut", "forceCancel"] as const) {
    const next = writeRun(context, group, { move, args: { nowMs: state.nowMs, reason: "the deadline" } });
    if (next !== undefined) emit(withGroup(state, at, next), () => `the run is past its hard deadline: ${move}`);
  }
}

/** Of a run that its deadline has closed: a reconcile sees jobs that have not ended, or none. */
function lookAgain({ context, state, group, at, emit }: One): void {
  if (group.run.wakeAtMs === undefined || !isRunEnded(group.run.state)) return;
  const { nowMs } = state;
  const move = group.jobs.every((job) => isJobEnded(job.state)) ? "forget" : "seeOut";
  const args = { nowMs, seq: group.run.tickSeq, wakeAtMs: nowMs + TICK_MIN_MS };
  const next = writeRun(context, group, { move, args });
  if (next !== undefined) emit(withGroup(state, at, next), () => `a reconcile looks at the closed run: ${move}`);
}
