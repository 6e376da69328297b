import type { Offer } from "../protocol/leases.ts";
import type { DeliveryRef, OutboxRef } from "./keys.ts";

/** What SQS can hold a message back. */
export const QUEUE_DELAY_MAX_MS = 900_000;

export interface PoolOffer {
  readonly pool: string;
  readonly project: string;
  readonly offer: Offer;
}

/** Wakes the reconciler for one run. Without `seq` it reconciles once and passes nothing on. */
export interface Tick {
  readonly tenant: string;
  readonly runId: string;
  readonly seq?: number;
}

/** Asks for a delivery to be decided. With `fence` only where no try came since that one: so that tries cannot multiply. */
export interface DeliveryHint extends DeliveryRef {
  readonly fence?: number | undefined;
}

export interface Queues {
  sendOffers(offers: readonly PoolOffer[]): Promise<void>;
  sendTick(tick: Tick, delayMs: number): Promise<void>;
  sendPlan(plan: { readonly tenant: string; readonly runId: string }): Promise<void>;
  /** Asks for the report of one run, or of one pull request's comment. */
  sendReport(ref: OutboxRef, delayMs: number): Promise<void>;
  /** Messages that wait in the pool's queue: approximate. */
  visibleOffers(pool: string): Promise<number>;
  ping(): Promise<void>;
}
