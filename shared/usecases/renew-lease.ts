import { DomainError, staleLease } from "../domain/errors.ts";
import { jobMoves } from "../domain/job-moves.ts";
import { LEASE_TTL_MS } from "../domain/limits.ts";
import { isJobEnded } from "../domain/verdict.ts";
import type { HeartbeatAck, Progress } from "../protocol/leases.ts";
import type { JobItem } from "../store/items.ts";
import { jobKey } from "../store/keys.ts";
import type { Cause } from "../store/store.ts";
import type { Deps } from "./deps.ts";
import { hintReport } from "./hints.ts";
import type { LeaseClaims } from "./lease-token.ts";

/** The first renewal: no step starts before it is answered. A repeat is answered with the stored rest. */
export async function ackLease(deps: Deps, claims: LeaseClaims): Promise<HeartbeatAck> {
  const args = renewal(claims, deps.clock.nowMs());
  const { applied, item } = await deps.store.apply(jobMoves.ack, jobKey(claims), args, holderCause(claims));
  if (applied && item !== undefined) await hintReport(deps, item);
  return answer(held(deps, item, claims, args.nowMs), args.nowMs);
}

/**
 * Renews a lease; an expired one is never revived. Where the lease already lives longer, that is success. A stopping
 * attempt is renewed up to its stop deadline, and told.
 */
export async function renewLease(deps: Deps, claims: LeaseClaims, progress: Progress): Promise<HeartbeatAck> {
  const args = { ...renewal(claims, deps.clock.nowMs()), ...progress };
  const { item } = await deps.store.apply(jobMoves.heartbeat, jobKey(claims), args, holderCause(claims));
  const seen = held(deps, item, claims, args.nowMs);
  if (seen.state === "leased") throw new DomainError("conflict", "acknowledge the lease before the first heartbeat");
  if (seen.state !== "stopping" || seen.stop === undefined) return answer(seen, args.nowMs);
  const newExpiryMs = Math.min(args.newExpiryMs, seen.stop.deadlineMs);
  const stopping = { ...args, newExpiryMs, stopDeadlineMs: seen.stop.deadlineMs };
  const renewed = await deps.store.apply(jobMoves.heartbeatStopping, jobKey(claims), stopping, holderCause(claims));
  return answer(held(deps, renewed.item, claims, args.nowMs), args.nowMs);
}

export const holderCause = (claims: LeaseClaims): Cause => ({ actor: `runner:${claims.runner}` });

function renewal({ fence, claimId }: LeaseClaims, nowMs: number) {
  return { fence, claimId, nowMs, newExpiryMs: nowMs + LEASE_TTL_MS };
}

/** The job, if this attempt still holds an unexpired lease on it. Throws `stale_lease`: kill the attempt. */
export function held(deps: Deps, job: JobItem | undefined, claims: LeaseClaims, nowMs: number): JobItem {
  const reason = staleReason(job, claims, nowMs);
  if (job !== undefined && reason === undefined) return job;
  deps.metrics.count("StaleCalls");
  throw staleLease(reason ?? "unknown_lease", staleMessage(job, claims));
}

function staleReason(job: JobItem | undefined, claims: LeaseClaims, nowMs: number) {
  const attempt = job?.attempts[String(claims.fence)];
  if (job === undefined || attempt?.claimId !== claims.claimId) return "unknown_lease";
  if (attempt.end?.outcome === "lost") return "lease_expired";
  if (job.lease?.claimId !== claims.claimId || job.fence !== claims.fence) return "lease_revoked";
  return job.lease.expiresAtMs > nowMs ? undefined : "lease_expired";
}

function staleMessage(job: JobItem | undefined, { jobId, fence }: LeaseClaims): string {
  if (job === undefined) return `there is no job ${jobId}`;
  if (isJobEnded(job.state)) return `job ${jobId} has ended: ${job.state}`;
  return `attempt ${fence} of job ${jobId} no longer holds the lease: the job is ${job.state} at fence ${job.fence}`;
}

/**
 * What is left of a lease, in milliseconds, for a runner that counts from when it asked. Never more than a whole lease: a
 * handler that dawdled may see one that was renewed after it had read its clock, and on the longer rest a slow clock
 * would make more of an error than the runner's margin covers.
 */
export function leaseRestMs(lease: { readonly expiresAtMs: number }, nowMs: number): number {
  return Math.min(LEASE_TTL_MS, Math.max(0, lease.expiresAtMs - nowMs));
}

function answer(job: JobItem, nowMs: number): HeartbeatAck {
  const ttlMs = job.lease === undefined ? 0 : leaseRestMs(job.lease, nowMs);
  const watched = job.watchedUntilMs > nowMs;
  if (job.stop === undefined) return { ttlMs, watched };
  return { ttlMs, watched, stop: { reason: job.stop.reason, inMs: Math.max(0, job.stop.deadlineMs - nowMs) } };
}
