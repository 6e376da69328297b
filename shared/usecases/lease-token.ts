import { z } from "zod";
import { staleLease } from "../domain/errors.ts";
import { LEASE_OVERTIME_MS, RUNNERS_TOKEN_PAST_MS } from "../domain/limits.ts";
import type { Signer } from "../lib/signed-token.ts";
import { poolName } from "../protocol/ids.ts";
import type { JobItem } from "../store/items.ts";
import type { AttemptRef } from "../store/keys.ts";

/** What a lease token says: it identifies one attempt and authorises its calls alone (SECURITY 24). */
const leaseClaims = z.strictObject({
  tenant: z.string(),
  runId: z.string(),
  jobId: z.string(),
  fence: z.int().positive(),
  claimId: z.string(),
  /** The runner's name, for the history. */
  runner: z.string(),
  hardDeadlineMs: z.int(),
});
export type LeaseClaims = z.infer<typeof leaseClaims>;

const LEASE = "bl";
const SESSION = "bs";

/** Nothing of an attempt is accepted after this: its grant, the job's timeout and the time for last words; never past the run's end. */
export function hardDeadlineOf(job: Pick<JobItem, "timeoutMs" | "runDeadlineMs">, grantedAtMs: number): number {
  return Math.min(grantedAtMs + job.timeoutMs + LEASE_OVERTIME_MS, job.runDeadlineMs + LEASE_OVERTIME_MS);
}

export const signLease = (signer: Signer, claims: LeaseClaims): string => signer.sign(LEASE, claims);

/** The claims of a token for exactly this path. Throws `stale_lease` for any other: forged, of another attempt, or past its deadline. */
export function verifyLease(
  signer: Signer,
  token: string,
  path: Omit<AttemptRef, "tenant">,
  nowMs: number,
): LeaseClaims {
  const claims = leaseClaims.safeParse(signer.verify(LEASE, token)).data;
  if (
    claims === undefined ||
    claims.runId !== path.runId ||
    claims.jobId !== path.jobId ||
    claims.fence !== path.fence
  ) {
    throw staleLease("unknown_lease", "this lease token was not given for this attempt");
  }
  if (nowMs > claims.hardDeadlineMs) throw staleLease("lease_expired", "this attempt's hard deadline has passed");
  return claims;
}

/** A runner's session: which runner, which pools, until when. */
const sessionClaims = z.strictObject({
  tenant: z.string(),
  runnerId: z.string(),
  name: z.string(),
  pools: z.array(poolName),
  expiresAtMs: z.int(),
  /** Good for one claim (SECURITY 23). */
  ephemeral: z.literal(true).optional(),
});
export type SessionClaims = z.infer<typeof sessionClaims>;

export const signSession = (signer: Signer, claims: SessionClaims): string => signer.sign(SESSION, claims);

/**
 * Whether a token is a session's or a lease's that lives, or did within the last hour: only a runner has one. A runner that was
 * away comes with an old one, and is told so; whoever kept one for longer is a stranger.
 */
export function isRunnersToken(signer: Signer, token: string, nowMs: number): boolean {
  const session = sessionClaims.safeParse(signer.verify(SESSION, token)).data;
  const endMs = session?.expiresAtMs ?? leaseClaims.safeParse(signer.verify(LEASE, token)).data?.hardDeadlineMs;
  return endMs !== undefined && nowMs <= endMs + RUNNERS_TOKEN_PAST_MS;
}

/** The session's claims; undefined where it is forged or over. */
export function verifySession(signer: Signer, token: string, nowMs: number): SessionClaims | undefined {
  const claims = sessionClaims.safeParse(signer.verify(SESSION, token)).data;
  return claims !== undefined && nowMs < claims.expiresAtMs ? claims : undefined;
}
