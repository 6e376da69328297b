import { DomainError } from "../domain/errors.ts";
import { HOST_PROOF_MS } from "../domain/limits.ts";
import { ttlAt } from "../store/item-base.ts";
import { idempotencyKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { Deps } from "./deps.ts";
import type { Principal } from "./manage-tokens.ts";
import type { SessionRequest } from "./open-session.ts";
import { digest } from "./specs.ts";

/** The item outlives the proof, which is refused for its age afterwards. */
const KEPT_MS = 10 * HOST_PROOF_MS;

type SpendDeps = Pick<Deps, "store" | "clock"> & { readonly settings: Pick<Deps["settings"], "tenant"> };

/**
 * A host's proof opens one session, of one job, under the instance's own id (SECURITY 23). One conditional write spends it
 * before there is a session: of two that come with one proof, one is refused. Does nothing for any other principal.
 */
export async function spendProof(
  deps: SpendDeps,
  { name, proof }: Principal,
  session: Pick<SessionRequest, "name" | "ephemeral" | "slots">,
): Promise<void> {
  if (proof === undefined) return;
  if (session.name !== name || !session.ephemeral || session.slots !== 1)
    throw new DomainError("forbidden", `a host's proof opens a session of one job (ephemeral) that is called ${name}`);
  const { tenant } = deps.settings;
  const spent = await deps.store.birth([
    {
      ...idempotencyKey(tenant, "host-proof", digest(proof)),
      v: ITEM_VERSION,
      tenant,
      ttl: ttlAt(deps.clock.nowMs() + KEPT_MS),
      family: "idempotency",
      runId: name,
      requestDigest: digest(proof),
    },
  ]);
  if (spent !== "born") throw new DomainError("unauthorized", "this host's proof has opened its one session");
}
