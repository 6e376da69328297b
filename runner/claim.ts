import { createHash } from "node:crypto";
import type { Clock } from "../shared/lib/clock.ts";
import { backoffMs } from "../shared/lib/retry.ts";
import { ApiError, type Client } from "../shared/protocol/client.ts";
import type { LeaseGranted, Offer } from "../shared/protocol/leases.ts";
import { isPassing } from "./lease-calls.ts";
import type { OpenSession } from "./session.ts";
import { wait } from "./wait.ts";

/** Tries of one claim before the offer is left to come again. */
const CLAIM_POLICY = { triesMax: 4, baseMs: 100, capMs: 2_000 } as const;
const CLAIM_TIMEOUT_MS = 5_000;
const CLAIM_ID_LENGTH = 32;

/**
 * `refused` is durable: this offer is worth nothing to us, also where its job turned out to be another pool's. `unanswered` is not: the offer must be left to appear
 * again. `unauthorized`: the session is over.
 */
export type ClaimAnswer =
  | { readonly kind: "granted"; readonly granted: LeaseGranted; readonly claimedAtMs: number }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unauthorized" }
  | { readonly kind: "unanswered"; readonly cause: unknown };

/**
 * Claims an offered job. Times count from the *first* try, since a later one may be answered with the grant that the
 * first won while its answer was lost.
 */
export async function claimJob(
  deps: { readonly client: Client; readonly clock: Clock; readonly claimSeed: string },
  { session }: OpenSession,
  offer: Offer,
): Promise<ClaimAnswer> {
  const claimedAtMs = deps.clock.monotonicMs();
  const claimId = claimIdOf(deps.claimSeed, offer);
  const params = { run: offer.runId, job: offer.jobId };
  const options = { token: session.sessionToken, timeoutMs: CLAIM_TIMEOUT_MS };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const granted = await deps.client.call("claim", { params, body: { claimId, fence: offer.fence } }, options);
      return { kind: "granted", granted, claimedAtMs };
    } catch (error) {
      if (!isPassing(error)) return refusal(error);
      if (attempt >= CLAIM_POLICY.triesMax) return { kind: "unanswered", cause: error };
      await wait(backoffMs(CLAIM_POLICY, attempt));
    }
  }
}

function refusal(error: unknown): ClaimAnswer {
  // Not an answer of the control plane at all, or one that this runner cannot read.
  if (!(error instanceof ApiError)) return { kind: "unanswered", cause: error };
  if (error.status === 401) return { kind: "unauthorized" };
  return { kind: "refused", code: error.code };
}

/**
 * One claim id for one offer and one runner process, however often the offer comes or the claim is sent: a lost answer
 * is asked for again and gets the same grant.
 */
export function claimIdOf(seed: string, { tenant, runId, jobId, fence }: Offer): string {
  const offered = JSON.stringify([seed, tenant, runId, jobId, fence]);
  return createHash("sha256").update(offered).digest("base64url").slice(0, CLAIM_ID_LENGTH);
}
