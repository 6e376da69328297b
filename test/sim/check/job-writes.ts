import { LEASE_TTL_MS } from "../../../shared/domain/limits.ts";
import type { JobItem } from "../../../shared/store/items.ts";
import { SERVER_SKEW_MS } from "../world/sim-lambda.ts";
import { ENDED_JOB } from "./oracle.ts";
import type { Report } from "./violation.ts";

/** What one accepted write of a job may never do, by the two items and the caller's words alone: no row is looked up. */

export interface JobWrite {
  readonly before: JobItem;
  readonly after: JobItem;
  readonly move: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Moves that carry a holder's word. */
const HOLDER = /^(ack|heartbeat.*|succeed|fail|timeOut|retry|release.*|stopped.*)$/;
/** Those that an expired lease must not make. */
const RENEWING = /^(ack|heartbeat.*|succeed|fail|timeOut|retry)$/;

export function checkJobWrite(write: JobWrite, report: Report): void {
  const { before, after, move } = write;
  const { jobId } = before;
  if (ENDED_JOB.has(before.state)) report(3, `job ${jobId} had ended as ${before.state}, and ${move} wrote it again`);
  if (move === "claim") checkGrant(write, report);
  else if (after.fence !== before.fence) report(1, `${move} moved the fence of job ${jobId} to ${after.fence}`);
  if (HOLDER.test(move)) checkHolder(write, report);
  checkEnds(write, report);
  checkBudgets(write, report);
  checkLease(write, report);
  checkStop(write, report);
}

function checkGrant({ before, after, args }: JobWrite, report: Report): void {
  const { jobId, fence } = before;
  if (after.fence !== fence + 1) report(1, `job ${jobId} was granted at fence ${after.fence} after ${fence}`);
  if (args["fence"] !== fence)
    report(4, `an offer of fence ${String(args["fence"])} took job ${jobId} at fence ${fence}`);
  if (before.lease !== undefined) report(1, `job ${jobId} was granted while a lease on it stood`);
  for (const [past, attempt] of Object.entries(before.attempts))
    if (attempt.end === undefined) report(3, `job ${jobId} was granted again, and its attempt ${past} has no end`);
}

function checkHolder({ before, move, args }: JobWrite, report: Report): void {
  const { jobId, fence, lease } = before;
  if (args["fence"] !== fence || args["claimId"] !== lease?.claimId)
    report(2, `${move} of fence ${String(args["fence"])} was accepted by job ${jobId}, which stands at fence ${fence}`);
  if (RENEWING.test(move) && lease !== undefined && lease.expiresAtMs <= Number(args["nowMs"]))
    report(9, `${move} was accepted on an expired lease of job ${jobId}`);
}

function checkEnds({ before, after, move }: JobWrite, report: Report): void {
  for (const [fence, { end }] of Object.entries(before.attempts)) {
    const now = after.attempts[fence]?.end;
    if (end !== undefined && (now?.outcome !== end.outcome || now.atMs !== end.atMs))
      report(3, `${move} gave attempt ${fence} of job ${before.jobId} a second end`);
  }
  if (
    before.lease !== undefined &&
    after.lease === undefined &&
    after.attempts[String(before.fence)]?.end === undefined
  )
    report(3, `${move} took the lease of job ${before.jobId} and left its attempt without an end`);
}

function checkBudgets({ before, after, move }: JobWrite, report: Report): void {
  const { jobId, fence } = before;
  if (after.left.failed < 0 || after.left.lost < 0) report(14, `${move} overdrew a budget of job ${jobId}`);
  const outcome = after.attempts[String(fence)]?.end?.outcome;
  const failed = before.left.failed - after.left.failed;
  const lost = before.left.lost - after.left.lost;
  if (failed !== 0 && outcome !== "failed" && outcome !== "timed_out")
    report(14, `an attempt of job ${jobId} that ended as ${String(outcome)} took from the user's retries`);
  if (lost !== 0 && outcome !== "lost")
    report(14, `an attempt of job ${jobId} that ended as ${String(outcome)} took from the losses`);
  const again = before.lease !== undefined && after.state === "queued" ? 1 : 0;
  if (failed + lost !== again) report(14, `${move} queued job ${jobId} and took ${failed + lost} of its budgets`);
}

function checkLease({ before, after, move, args }: JobWrite, report: Report): void {
  if (after.lease === undefined) return;
  const { jobId } = before;
  if (
    after.lease.expiresAtMs > Number(args["nowMs"]) + LEASE_TTL_MS &&
    after.lease.expiresAtMs !== before.lease?.expiresAtMs
  )
    report(1, `${move} gave the lease of job ${jobId} more than its time`);
  if (before.lease === undefined) return;
  // The acknowledgement turns a grant into a lease whatever two servers' clocks say: it may take what they differ by.
  const tolerated = move === "ack" ? SERVER_SKEW_MS : 0;
  if (after.lease.expiresAtMs + tolerated < before.lease.expiresAtMs)
    report(9, `${move} shortened the lease of job ${jobId}`);
  const deadlineMs = before.state === "stopping" ? before.stop?.deadlineMs : undefined;
  if (deadlineMs !== undefined && after.lease.expiresAtMs > Math.max(deadlineMs, before.lease.expiresAtMs))
    report(13, `${move} renewed the stopping job ${jobId} past its stop deadline`);
}

function checkStop({ before, after, move }: JobWrite, report: Report): void {
  if (before.state !== "stopping") return;
  const { jobId, stop } = before;
  if (after.state === "stopping") {
    if (after.stop?.deadlineMs !== stop?.deadlineMs || after.stop?.reason !== stop?.reason)
      report(13, `${move} changed why or until when job ${jobId} is stopped`);
    return;
  }
  const ends = stop?.reason === "timeout" ? ["timed_out", "queued"] : ["canceled"];
  if (!ends.includes(after.state)) report(13, `job ${jobId} was stopping for ${stop?.reason}, and is ${after.state}`);
}
