import { LEASE_TTL_MS } from "../../../shared/domain/limits.ts";
import type { JobItem } from "../../../shared/store/items.ts";
import { leaseRestMs } from "../../../shared/usecases/renew-lease.ts";
import { fencedBy } from "../fence-clock.ts";
import type { Attempt, Group, State } from "../state.ts";
import { holdsOr } from "../violation.ts";
import type { Context } from "../world.ts";
import { isCurrent, jobOf, withAttempt, writeJob } from "../write.ts";
import { type Emit, readings, withGroup } from "./step.ts";

/**
 * A runner's attempt (runner/attempt.ts) and its watchdog. Any step may be late or never come, which is a pause or a
 * crash. What only makes a runner give up sooner (a stale answer, a drain, a lost reply) is the step to `over`.
 */
export function attempts(context: Context, state: State, emit: Emit): void {
  state.groups.forEach((group, at) => {
    for (const attempt of group.attempts) {
      const job = jobOf(group, attempt.jobId);
      const moves: Move = { context, state, group, at, attempt, job, emit };
      hear(moves);
      acknowledge(moves);
      work(moves);
      if (context.world.heartbeats) heartbeat(moves);
    }
  });
}

interface Move {
  readonly context: Context;
  readonly state: State;
  readonly group: Group;
  readonly at: number;
  readonly attempt: Attempt;
  readonly job: JobItem;
  readonly emit: Emit;
}

const nameOf = ({ jobId, fence }: Attempt) => `${jobId} (fence ${fence})`;
const isHopeful = ({ processes }: Attempt) => processes === "none" || processes === "running";

function become(
  { state, at, emit }: Move,
  group: Group,
  attempt: Attempt,
  change: Partial<Attempt>,
  say: () => string,
) {
  emit(withGroup(state, at, withAttempt(group, attempt, change)), say);
}

function hear(move: Move): void {
  const { attempt, group, state } = move;
  if (attempt.told || attempt.fencedByMs < state.nowMs) return;
  become(move, group, attempt, { told: true }, () => `${attempt.runner} hears that it holds ${nameOf(attempt)}`);
}

/** The first renewal (shared/usecases/renew-lease.ts, ackLease): also late, and also again. */
function acknowledge(move: Move): void {
  const { context, state, group, attempt, job } = move;
  if (!attempt.told) return;
  for (const readMs of readings(context, state, attempt.grantedAtMs)) {
    const { nowMs, newExpiryMs } = renewalAt(context, readMs);
    const args = { fence: attempt.fence, claimId: attempt.claimId, nowMs, newExpiryMs };
    const next = writeJob(context, group, job, {
      move: "ack",
      args,
      holder: attempt,
      nowMs: state.nowMs,
      readMs,
    });
    const seen = next === undefined ? job : jobOf(next, job.jobId);
    if (!isAnswered(seen, attempt, readMs)) continue;
    const learnt = heard(context, state, attempt, seen, readMs);
    const stopped = seen.stop !== undefined && context.rules.stopIsTold && attempt.processes === "none";
    const change = {
      ...learnt,
      ...(stopped ? { processes: "over" as const } : isHopeful(attempt) ? { acked: true } : {}),
    };
    if (next === undefined && !isHopeful(attempt)) continue;
    become(move, next ?? group, attempt, change, () => `the first renewal of ${nameOf(attempt)} is answered`);
  }
}

function work(move: Move): void {
  const { context, group, attempt, state, job } = move;
  const { processes, told, acked, runner } = attempt;
  const name = () => nameOf(attempt);
  const mayStart = (acked || !context.rules.ackBeforeSteps) && attempt.fencedByMs >= state.nowMs;
  if (told && processes === "none") {
    if (mayStart) start(move, job);
    if (acked) become(move, group, attempt, { processes: "ended_failed" }, () => `${runner} cannot prepare ${name()}`);
    become(move, group, attempt, { processes: "over" }, () => `${runner} or its watchdog gives ${name()} up`);
  }
  if (processes !== "running") return;
  become(move, group, attempt, { processes: "ended_ok" }, () => `the steps of ${name()} succeed on ${runner}`);
  become(move, group, attempt, { processes: "ended_failed" }, () => `the steps of ${name()} fail on ${runner}`);
  become(move, group, attempt, { processes: "over" }, () => `the steps of ${name()} on ${runner} are killed`);
}

function start(move: Move, job: JobItem): void {
  const { group, attempt } = move;
  const { jobId, fence, runner } = attempt;
  holdsOr(
    10,
    job.attempts[String(fence)]?.startedAtMs !== undefined,
    () => `the steps of ${nameOf(attempt)} start before its first renewal was accepted`,
  );
  for (const other of group.attempts)
    holdsOr(
      8,
      other.jobId !== jobId || other.processes !== "running",
      () => `the steps of fence ${fence} of ${jobId} start while those of fence ${other.fence} run`,
    );
  become(move, group, attempt, { processes: "running" }, () => `${runner} starts the steps of ${nameOf(attempt)}`);
}

/** Renewals of an attempt that has been acknowledged (renewLease): on time, late, again, and after its end. */
function heartbeat(move: Move): void {
  const { context, state, group, attempt, job } = move;
  if (!attempt.acked) return;
  for (const readMs of readings(context, state, attempt.grantedAtMs)) {
    const next = renew(context, state, group, job, attempt, readMs);
    const seen = next === undefined ? job : jobOf(next, job.jobId);
    if (!isAnswered(seen, attempt, readMs)) continue;
    const change: Partial<Attempt> = isHopeful(attempt) ? heard(context, state, attempt, seen, readMs) : {};
    if (next === undefined && (change.fencedByMs ?? attempt.fencedByMs) === attempt.fencedByMs) continue;
    become(move, next ?? group, attempt, change, () => {
      const late = state.nowMs - readMs;
      return `a heartbeat of ${nameOf(attempt)}${late > 0 ? `, read ${late / 1_000} s ago,` : ""} is accepted`;
    });
  }
}

function renew(context: Context, state: State, group: Group, job: JobItem, attempt: Attempt, readMs: number) {
  const { nowMs, newExpiryMs } = renewalAt(context, readMs);
  const { fence, claimId } = attempt;
  const base = { fence, claimId, nowMs, phase: "running", step: 0, logBytes: 0 };
  const writer = { holder: attempt, nowMs: state.nowMs, readMs };
  const args = { ...base, newExpiryMs };
  const plain = writeJob(context, group, job, { ...writer, move: "heartbeat", args });
  if (plain !== undefined || job.state !== "stopping" || job.stop === undefined) return plain;
  const { deadlineMs } = job.stop;
  const cut = context.rules.stopCutsRenewal ? Math.min(newExpiryMs, deadlineMs) : newExpiryMs;
  const stopping = { ...base, newExpiryMs: cut, stopDeadlineMs: deadlineMs };
  return writeJob(context, group, job, { ...writer, move: "heartbeatStopping", args: stopping });
}

/** A runner's clock may be behind: a mutant believes it. */
const RUNNER_CLOCK_LAG = 2;

function renewalAt({ rules, world }: Context, readMs: number) {
  const nowMs = rules.serverClock ? readMs : readMs - RUNNER_CLOCK_LAG * (world.unitMs ?? 0);
  return { nowMs, newExpiryMs: nowMs + LEASE_TTL_MS };
}

/** `held`, as a renewal's handler asks it: this attempt has the lease, and it has not run out by the handler's clock. */
const isAnswered = (job: JobItem, attempt: Attempt, readMs: number) =>
  isCurrent(job, attempt) && (job.lease?.expiresAtMs ?? 0) > readMs;

/** What the answer tells the host: it counts from when the request was sent, at the latest when the handler read its clock. */
function heard(context: Context, state: State, attempt: Attempt, seen: JobItem, readMs: number) {
  const sentAtMs = context.rules.countFromSent ? readMs : state.nowMs;
  const expiresAtMs = seen.lease?.expiresAtMs ?? 0;
  const restMs = context.rules.wholeLeaseAtMost ? leaseRestMs({ expiresAtMs }, readMs) : expiresAtMs - readMs;
  const ttlMs = context.rules.serverClock ? restMs : LEASE_TTL_MS;
  return { fencedByMs: Math.max(attempt.fencedByMs, fencedBy(context, sentAtMs, ttlMs)) };
}
