import { isDeepStrictEqual } from "node:util";
import { LEASE_TTL_MS } from "../../shared/domain/limits.ts";
import { isJobEnded, isRunEnded } from "../../shared/domain/verdict.ts";
import type { CheckItem, JobItem, RunItem } from "../../shared/store/items.ts";
import type { Attempt, Group } from "./state.ts";
import { expectedVerdict } from "./verdict.ts";
import { holdsOr } from "./violation.ts";

/** What one write of the table may never do (DESIGN section 6). Looked at after each write that was accepted. */

/** On whose behalf a job is written: a holder's word carries its fence and claim. */
export interface Writer {
  readonly holder?: Pick<Attempt, "fence" | "claimId">;
  readonly nowMs: number;
  /** What the control plane's clock showed to the handler of a renewal. */
  readonly readMs?: number;
}

export function checkJobWrite(group: Group, before: JobItem, after: JobItem, writer: Writer): void {
  const { jobId } = before;
  holdsOr(3, !isJobEnded(before.state), () => `job ${jobId} had ended as ${before.state} and was written again`);
  holdsOr(1, after.fence >= before.fence, () => `the fence of job ${jobId} fell to ${after.fence}`);
  const { holder } = writer;
  if (holder !== undefined)
    holdsOr(
      2,
      before.fence === holder.fence && before.lease?.claimId === holder.claimId,
      () => `a word of fence ${holder.fence} was accepted by job ${jobId}, which stands at fence ${before.fence}`,
    );
  checkNeeds(before, after);
  checkEnds(before, after, writer);
  checkBudgets(before, after);
  checkLease(before, after, writer);
  checkStop(before, after);
  checkOutcome(group, before, after, writer.nowMs);
}

function checkNeeds(before: JobItem, after: JobItem): void {
  if (after.state !== before.state || after.state !== "waiting") return;
  holdsOr(
    16,
    Object.keys(after.resolved).length === Object.keys(before.resolved).length + 1,
    () => `job ${before.jobId} was told again how a need ended`,
  );
}

function checkEnds(before: JobItem, after: JobItem, writer: Writer): void {
  for (const [fence, attempt] of Object.entries(before.attempts)) {
    const now = after.attempts[fence];
    if (attempt.end === undefined) continue;
    holdsOr(3, now?.end === attempt.end, () => `attempt ${fence} of job ${before.jobId} got a second end`);
  }
  if (before.lease !== undefined && after.lease === undefined) {
    const end = after.attempts[String(before.fence)]?.end;
    holdsOr(3, end !== undefined, () => `attempt ${before.fence} of job ${before.jobId} lost its lease without an end`);
    holdsOr(
      8,
      writer.holder !== undefined || before.lease.expiresAtMs < writer.nowMs,
      () => `the lease of job ${before.jobId} was taken while it lived, without its holder's word`,
    );
  }
}

function checkBudgets(before: JobItem, after: JobItem): void {
  const { jobId, left, fence } = before;
  holdsOr(14, after.left.failed >= 0 && after.left.lost >= 0, () => `a budget of job ${jobId} was overdrawn`);
  const outcome = after.attempts[String(fence)]?.end?.outcome;
  if (after.left.failed !== left.failed)
    holdsOr(
      14,
      outcome === "failed" || outcome === "timed_out",
      () => `an attempt of job ${jobId} that ended as ${outcome} took from the user's retries`,
    );
  const queuedAgain = before.lease !== undefined && after.state === "queued";
  const spent = left.failed - after.left.failed + (left.lost - after.left.lost);
  holdsOr(
    14,
    spent === (queuedAgain ? 1 : 0),
    () => `job ${jobId} went from ${before.state} to ${after.state} and paid ${spent} of its budgets`,
  );
  if (before.lease === undefined) return;
  const owed = { failed: left.failed, timed_out: left.failed, lost: left.lost }[after.state as "failed"] ?? 0;
  holdsOr(14, owed === 0, () => `job ${jobId} ended as ${after.state} with ${owed} of its budget left`);
}

function checkLease(before: JobItem, after: JobItem, { nowMs, readMs }: Writer): void {
  if (after.lease === undefined) return;
  const { jobId } = before;
  holdsOr(
    1,
    after.lease.expiresAtMs <= nowMs + LEASE_TTL_MS,
    () => `the lease of job ${jobId} lives longer than its time from now`,
  );
  if (before.lease === undefined) return;
  holdsOr(
    9,
    after.lease.expiresAtMs >= before.lease.expiresAtMs,
    () => `the lease of job ${jobId} was shortened by a renewal`,
  );
  if (readMs !== undefined)
    holdsOr(9, before.lease.expiresAtMs > readMs, () => `the lease of job ${jobId} had expired and was renewed`);
  if (before.state === "stopping" && before.stop !== undefined)
    holdsOr(
      13,
      after.lease.expiresAtMs <= Math.max(before.lease.expiresAtMs, before.stop.deadlineMs),
      () => `job ${jobId} is stopping, and was renewed past its stop deadline`,
    );
}

function checkStop(before: JobItem, after: JobItem): void {
  if (before.state !== "stopping") return;
  const kept =
    after.state === "stopping" &&
    after.stop?.deadlineMs === before.stop?.deadlineMs &&
    after.stop?.reason === before.stop?.reason;
  const over = after.lease === undefined && after.stop === undefined;
  holdsOr(13, kept || over, () => `job ${before.jobId} was stopping, and is ${after.state} with its lease`);
  if (!over) return;
  const ends = before.stop?.reason === "timeout" ? ["timed_out", "queued"] : ["canceled"];
  holdsOr(
    13,
    ends.includes(after.state),
    () => `job ${before.jobId} was stopping for ${before.stop?.reason} and is ${after.state}`,
  );
}

function checkOutcome(group: Group, before: JobItem, after: JobItem, nowMs: number): void {
  const { jobId } = before;
  if (!isJobEnded(after.state)) return;
  const attempt = group.attempts.find((one) => one.jobId === jobId && one.fence === before.fence);
  if (before.lease !== undefined) {
    const processes = attempt?.processes;
    if (after.state === "succeeded")
      holdsOr(2, processes === "ended_ok", () => `job ${jobId} succeeded, but its processes are ${processes}`);
  }
  if (before.state === "queued" && after.state === "lost")
    holdsOr(5, (before.queueDeadlineMs ?? 0) < nowMs, () => `job ${jobId} was abandoned before its queue deadline`);
  if (after.state === "canceled")
    holdsOr(
      6,
      ["canceling", "canceled", "timed_out"].includes(group.run.state),
      () => `job ${jobId} was canceled, and nobody had asked: its run is ${group.run.state}`,
    );
}

/** A new grant: the attempts before it have ended, and their processes too. */
export function checkGrant(
  group: Group,
  before: JobItem,
  after: JobItem,
  claim: { readonly fence: number; readonly nowMs: number },
): void {
  const { jobId } = before;
  holdsOr(
    1,
    after.fence === before.fence + 1,
    () => `job ${jobId} was granted at fence ${after.fence} after fence ${before.fence}`,
  );
  holdsOr(
    4,
    before.fence === claim.fence,
    () => `a claim for an offer of fence ${claim.fence} took job ${jobId} at fence ${before.fence}`,
  );
  holdsOr(
    1,
    before.lease === undefined || before.lease.expiresAtMs < claim.nowMs,
    () => `job ${jobId} was granted while a lease on it lived`,
  );
  for (const attempt of group.attempts.filter((one) => one.jobId === jobId))
    holdsOr(
      8,
      attempt.processes !== "running",
      () => `job ${jobId} was granted again while processes of fence ${attempt.fence} still run`,
    );
}

export function checkRunWrite(group: Group, before: RunItem, after: RunItem, nowMs: number): void {
  if (isRunEnded(before.state)) {
    checkSeeingOut(group, before, after);
    return;
  }
  holdsOr(
    3,
    before.state !== "canceling" || after.state === "canceling" || after.state === "canceled",
    () => `the run was canceling and is ${after.state}`,
  );
  if (!isRunEnded(after.state)) return;
  if (after.state === "timed_out") {
    holdsOr(5, before.hardDeadlineMs < nowMs, () => "the run timed out before its hard deadline");
    return;
  }
  if (after.state === "canceled" && before.hardDeadlineMs < nowMs) return;
  const unfinished = group.jobs.filter((job) => !isJobEnded(job.state)).map((job) => job.jobId);
  holdsOr(16, unfinished.length === 0, () => `the run closed as ${after.state} before ${unfinished.join(", ")} ended`);
  if (after.state === "canceled") return;
  const expected = expectedVerdict(group);
  holdsOr(
    6,
    after.state === expected,
    () => `the run closed as ${after.state}, and its jobs and checks say ${expected}`,
  );
}

/** Of an ended run only its place in the index of due runs may change; it leaves it when its jobs have ended. */
function checkSeeingOut(group: Group, before: RunItem, after: RunItem): void {
  const { tickSeq, wakeAtMs, tickedAtMs, dueShard } = before;
  const kept = isDeepStrictEqual(
    withoutAbsent({ ...after, tickSeq, wakeAtMs, tickedAtMs, dueShard }),
    withoutAbsent(before),
  );
  holdsOr(3, kept, () => `the run had ended as ${before.state} and was written again`);
  const unfinished = group.jobs.filter((job) => !isJobEnded(job.state)).map((job) => job.jobId);
  const left = after.wakeAtMs === undefined && unfinished.length > 0;
  holdsOr(13, !left, () => `the closed run was forgotten before ${unfinished.join(", ")} ended`);
}

const withoutAbsent = (item: RunItem) =>
  Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));

/** A node is counted once: when it leaves the set. */
export function checkNodeEnd(before: RunItem, node: string): void {
  holdsOr(16, before.open?.has(node) === true, () => `${node} was counted again, though the run had counted it`);
}

/** A tick that was applied must have been the current one. */
export function checkTick(before: RunItem, seq: number): void {
  holdsOr(
    20,
    before.tickSeq === seq,
    () => `tick ${seq} was passed on, or parked, where the chain stands at ${before.tickSeq}`,
  );
}

export function checkCheckWrite(group: Group, before: CheckItem, after: CheckItem): void {
  const { checkId } = before;
  holdsOr(3, before.state !== "final", () => `check ${checkId} was final and was written again`);
  const answers = Object.keys(after.resolved).length;
  holdsOr(
    16,
    answers === Object.keys(before.resolved).length + 1,
    () => `check ${checkId} counted an answer that it had already`,
  );
  holdsOr(
    16,
    (after.state === "final") === (answers === group.jobs.filter((job) => checkId in job.checks).length),
    () => `check ${checkId} is ${after.state} after ${answers} answers`,
  );
}
