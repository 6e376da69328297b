import { DomainError } from "../domain/errors.ts";
import { SESSION_MS } from "../domain/limits.ts";
import { ttlAt } from "../store/item-base.ts";
import { idempotencyKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { Claim } from "./claim-job.ts";
import type { Deps } from "./deps.ts";
import type { SessionClaims } from "./lease-token.ts";
import { digest } from "./specs.ts";

/** The item outlives the session, whose token is worth nothing afterwards. */
const KEPT_MS = 2 * SESSION_MS;

/**
 * Binds an ephemeral session to one claim (SECURITY 23): one conditional write of an idempotency item, before the claim's
 * own. The same claim passes as often as it is sent; any other is refused as `unauthorized`, and needs another session.
 * A claim that then loses its race has spent the session too: binding is never undone, so that no order of calls gives
 * one session two jobs.
 */
export async function spendSession(deps: Deps, session: SessionClaims, claim: Claim): Promise<void> {
  const { tenant, runnerId } = session;
  const key = idempotencyKey(tenant, `session:${runnerId}`, "claim");
  const requestDigest = digest(JSON.stringify([claim.runId, claim.jobId, claim.fence, claim.claimId]));
  const ttl = ttlAt(deps.clock.nowMs() + KEPT_MS);
  const item = {
    ...key,
    v: ITEM_VERSION,
    tenant,
    ttl,
    family: "idempotency",
    runId: claim.runId,
    requestDigest,
  } as const;
  if ((await deps.store.birth([item])) === "born") return;
  const spent = await deps.store.getIdempotency(key);
  if (spent?.requestDigest === requestDigest) return;
  throw new DomainError("unauthorized", "this ephemeral session has claimed its one job: open another for another job");
}
