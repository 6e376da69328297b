import { DomainError } from "../domain/errors.ts";
import type { PoolOffers, ReceivedOffer } from "../store/pool-offers.ts";
import type { Deps } from "./deps.ts";
import type { SessionClaims } from "./lease-token.ts";

/** What polling through the API needs. `poolOffers` is absent where the operator has not switched it on. */
export interface OfferDeps extends Deps {
  readonly poolOffers?: PoolOffers;
}

/**
 * Takes offers for a runner that cannot or must not reach the queues itself. They are hints as ever: an offer that a
 * lost answer swallowed is visible again after the queue's visibility timeout.
 */
export async function receiveOffers(
  deps: OfferDeps,
  session: SessionClaims,
  pool: string,
  wanted: { readonly max: number; readonly waitSeconds: number },
): Promise<ReceivedOffer[]> {
  return servedPool(deps, session, pool).receive(pool, wanted.max, wanted.waitSeconds);
}

/** Deletes offers, on the runner's word that it has a durable answer for each (invariant 7). */
export async function removeOffers(
  deps: OfferDeps,
  session: SessionClaims,
  pool: string,
  receipts: readonly string[],
): Promise<void> {
  await servedPool(deps, session, pool).remove(pool, receipts);
}

/** Makes offers visible again that the runner will not claim. */
export async function returnOffers(
  deps: OfferDeps,
  session: SessionClaims,
  pool: string,
  receipts: readonly string[],
): Promise<void> {
  await servedPool(deps, session, pool).putBack(pool, receipts);
}

function servedPool(deps: OfferDeps, session: SessionClaims, pool: string): PoolOffers {
  if (!session.pools.includes(pool)) throw new DomainError("forbidden", `this session does not serve the pool ${pool}`);
  return polledPools(deps);
}

/** Throws `forbidden` where polling through the API is off. */
export function polledPools({ poolOffers }: OfferDeps): PoolOffers {
  if (poolOffers !== undefined) return poolOffers;
  throw new DomainError(
    "forbidden",
    "polling through the API is off on this control plane: it costs more than the queues (docs/RUNNERS.md); its operator can set BATON_API_POLLING=on",
  );
}
