import { DomainError } from "../domain/errors.ts";
import { jobMoves } from "../domain/job-moves.ts";
import { HEARTBEAT_MS, LEASE_TTL_MS } from "../domain/limits.ts";
import { isJobEnded } from "../domain/verdict.ts";
import type { LeaseGranted } from "../protocol/leases.ts";
import type { JobItem } from "../store/items.ts";
import { type JobRef, jobKey, logChunkObject } from "../store/keys.ts";
import type { Deps } from "./deps.ts";
import { hardDeadlineOf, type SessionClaims, signLease } from "./lease-token.ts";
import { leaseRestMs } from "./renew-lease.ts";
import { loadSpec } from "./specs.ts";
import { spendSession } from "./spend-session.ts";

export interface Claim {
  readonly runId: string;
  readonly jobId: string;
  readonly claimId: string;
  /** As offered; the grant's is one more. */
  readonly fence: number;
}

/**
 * Grants an offered job to one claim. The same claim gets the same grant while it lives; any other gets `taken`, and an
 * ended job `gone`: a refusal changes nothing.
 */
export async function claimJob(deps: Deps, session: SessionClaims, claim: Claim): Promise<LeaseGranted> {
  const ref = { tenant: session.tenant, runId: claim.runId, jobId: claim.jobId };
  const nowMs = deps.clock.nowMs();
  if (session.ephemeral === true) await spendOn(deps, session, ref, claim, nowMs);
  const job = await applyClaim(deps, session, ref, claim, nowMs);
  if (job?.lease?.claimId === claim.claimId && job.fence === claim.fence + 1) return grant(deps, job, nowMs);
  deps.metrics.count("ClaimsRefused");
  throw refusal(job, claim, nowMs);
}

/** Spends an ephemeral session on this claim; not on one that can no longer be granted, which is refused here. */
async function spendOn(deps: Deps, session: SessionClaims, ref: JobRef, claim: Claim, nowMs: number): Promise<void> {
  const job = await deps.store.getJob(ref);
  const free = job?.state === "queued" && job.fence === claim.fence;
  const ours = job?.lease?.claimId === claim.claimId && job.fence === claim.fence + 1;
  if (!free && !ours) throw refusal(job, claim, nowMs);
  await spendSession(deps, session, claim);
}

/** The offer came from one of the session's pools; only the item says from which, so a refused guess is made good once. */
async function applyClaim(
  deps: Deps,
  session: SessionClaims,
  ref: JobRef,
  claim: Claim,
  nowMs: number,
): Promise<JobItem | undefined> {
  const holder = { claimId: claim.claimId, runnerId: session.runnerId, runnerName: session.name, grantedAtMs: nowMs };
  const args = {
    nowMs,
    fence: claim.fence,
    nextFence: claim.fence + 1,
    lease: { ...holder, expiresAtMs: nowMs + LEASE_TTL_MS },
    attempt: holder,
  };
  const cause = { actor: `runner:${session.name}` };
  const [guess] = session.pools;
  const first = await deps.store.apply(jobMoves.claim, jobKey(ref), { ...args, pool: guess }, cause);
  const pool = first.item?.pool;
  if (first.applied) countGrant(deps, first.item, nowMs);
  if (first.applied || pool === undefined || pool === guess || first.item?.state !== "queued") return first.item;
  if (!session.pools.includes(pool))
    throw new DomainError("forbidden", `job ${ref.jobId} is in pool ${pool}, which this session does not serve`);
  const second = await deps.store.apply(jobMoves.claim, jobKey(ref), { ...args, pool }, cause);
  if (second.applied) countGrant(deps, second.item, nowMs);
  return second.item;
}

function countGrant(deps: Deps, job: JobItem | undefined, nowMs: number): void {
  deps.metrics.count("LeasesGranted");
  if (job?.queuedAtMs !== undefined)
    deps.metrics.timing(job.fence > 1 ? "RecoveryMs" : "QueueWaitMs", nowMs - job.queuedAtMs);
}

function refusal(job: JobItem | undefined, claim: Claim, nowMs: number): DomainError {
  if (job === undefined) return new DomainError("gone", `there is no job ${claim.jobId} in run ${claim.runId}`);
  if (isJobEnded(job.state)) return new DomainError("gone", `job ${claim.jobId} has ended: ${job.state}`);
  if (nowMs >= job.runDeadlineMs) return new DomainError("gone", `the run of job ${claim.jobId} is past its deadline`);
  return new DomainError(
    "taken",
    `job ${claim.jobId} is ${job.state} at fence ${job.fence}; the claim was for fence ${claim.fence}`,
  );
}

async function grant(deps: Deps, job: JobItem, nowMs: number): Promise<LeaseGranted> {
  const { tenant, runId, jobId, fence, lease } = job;
  if (lease === undefined) throw new Error(`job ${jobId} was granted without a lease`);
  const [cold, firstLogUpload] = await Promise.all([
    loadSpec(deps, job),
    deps.bucket.signPut({ key: logChunkObject({ tenant, runId, jobId, fence }, 0) }),
  ]);
  const hardDeadlineMs = hardDeadlineOf(job, lease.grantedAtMs);
  return {
    fence,
    leaseToken: signLease(deps.signer, {
      tenant,
      runId,
      jobId,
      fence,
      claimId: lease.claimId,
      runner: lease.runnerName,
      hardDeadlineMs,
    }),
    ttlMs: Math.max(1, leaseRestMs(lease, nowMs)),
    heartbeatMs: HEARTBEAT_MS,
    hardDeadlineInMs: Math.max(1, hardDeadlineMs - nowMs),
    timeoutMs: Math.max(1, Math.min(lease.grantedAtMs + job.timeoutMs, job.runDeadlineMs) - nowMs),
    runId,
    jobId,
    project: cold.project,
    pool: job.pool,
    pipeline: cold.pipeline,
    attempt: Object.keys(job.attempts).length,
    spec: cold.spec,
    ...(cold.source === undefined ? {} : { source: cold.source }),
    ...(cold.trigger === undefined ? {} : { trigger: cold.trigger }),
    ...(cold.trigger?.fork === true ? { secrets: [], secretsWithheld: "fork" } : { secrets: cold.spec.secrets }),
    firstLogUpload,
    watched: job.watchedUntilMs > nowMs,
  };
}
