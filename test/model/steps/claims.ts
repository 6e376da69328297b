import { LEASE_TTL_MS } from "../../../shared/domain/limits.ts";
import { isJobEnded } from "../../../shared/domain/verdict.ts";
import type { JobItem } from "../../../shared/store/items.ts";
import { fencedBy } from "../fence-clock.ts";
import type { Attempt, Group, State } from "../state.ts";
import { holdsOr } from "../violation.ts";
import type { Context } from "../world.ts";
import { jobOf, writeJob } from "../write.ts";
import { type Emit, readings, withGroup } from "./step.ts";

/**
 * Offers and claims (shared/usecases/claim-job.ts, runner/claim.ts). An offer that was ever sent may be received by
 * anybody at any time, so any runner may claim any fence up to the job's own, and any claim may arrive twice.
 */
export function claims(context: Context, state: State, emit: Emit): void {
  state.groups.forEach((group, at) => {
    for (const job of group.jobs)
      for (const fence of claimable(job))
        for (const runner of context.world.runners) claim(context, state, { group, at, job, fence, runner }, emit);
  });
}

interface Reach {
  readonly group: Group;
  readonly at: number;
  readonly job: JobItem;
  readonly fence: number;
  readonly runner: string;
}

/** Every fence that was ever offered, and one that a runner may guess: an offer carries no authority. */
function claimable(job: JobItem): number[] {
  return Array.from({ length: job.fence + 1 }, (_, fence) => fence);
}

function claim(context: Context, state: State, reach: Reach, emit: Emit): void {
  const { group, at, job, fence, runner } = reach;
  // The real runner's id is another for each fence. The table may not depend on such good manners.
  const claimId = runner;
  for (const nowMs of readings(context, state, job.queuedAtMs ?? job.createdAtMs)) {
    const holder = { claimId, runnerId: runner, runnerName: runner, grantedAtMs: nowMs };
    const args = {
      nowMs,
      fence,
      nextFence: fence + 1,
      pool: "default",
      lease: { ...holder, expiresAtMs: nowMs + LEASE_TTL_MS },
      attempt: holder,
    };
    const next = writeJob(context, group, job, { move: "claim", args, nowMs: state.nowMs });
    checkAnswer(context, next === undefined ? job : jobOf(next, job.jobId), next !== undefined, { claimId, fence });
    if (next === undefined) continue;
    const attempt = born(context, reach, claimId, jobOf(next, job.jobId).fence, nowMs);
    const after = withGroup(state, at, { ...next, attempts: [...next.attempts, attempt] });
    emit(after, () => `${runner}'s claim of ${job.jobId} at fence ${fence} is granted fence ${attempt.fence}`);
    // The SDK may lose the answer of a write that landed, and try it again: the answer is made from the second try.
    checkAnswer(context, jobOf(next, job.jobId), false, { claimId, fence });
  }
}

function born(context: Context, reach: Reach, claimId: string, fence: number, nowMs: number): Attempt {
  return {
    jobId: reach.job.jobId,
    fence,
    claimId,
    runner: reach.runner,
    grantedAtMs: nowMs,
    told: false,
    acked: false,
    processes: "none",
    fencedByMs: fencedBy(context, nowMs, LEASE_TTL_MS),
    expirySeen: false,
    timeoutSeen: false,
  };
}

type Answer = "granted" | "taken" | "gone";

/** What the handler answers, by the item that it sees after its write; and what the runner then does with the offer. */
function checkAnswer(
  context: Context,
  job: JobItem,
  applied: boolean,
  claim: { readonly claimId: string; readonly fence: number },
): void {
  const { rules } = context;
  const ours = job.lease?.claimId === claim.claimId && job.fence === claim.fence + 1;
  const granted = rules.answerBySight ? ours : applied;
  const answer: Answer = granted ? "granted" : isJobEnded(job.state) ? "gone" : "taken";
  holdsOr(
    4,
    (answer === "granted") === ours,
    () => `claim ${claim.claimId} ${ours ? "holds" : "does not hold"} job ${job.jobId} and is answered ${answer}`,
  );
}

/** An offer is in one of two hands: the queue's, or of a runner that has not deleted it. Looked at while it matters. */
export function checkOffers(context: Context, state: State): void {
  const { deleteAfterAnswer } = context.rules;
  for (const { jobs } of state.groups)
    for (const job of jobs)
      holdsOr(
        7,
        deleteAfterAnswer || job.state !== "queued",
        () => `a runner deleted the offer of ${job.jobId} at fence ${job.fence} and has no answer to its claim`,
      );
}
