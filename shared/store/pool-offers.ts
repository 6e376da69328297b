/** Offers as a runner takes them that polls through the API: the control plane's own hand on the pools' queues. */
export interface PoolOffers {
  /** At most `max` offers, waiting at most so long for a first. */
  receive(pool: string, max: number, waitSeconds: number): Promise<ReceivedOffer[]>;
  remove(pool: string, receipts: readonly string[]): Promise<void>;
  /** Makes them visible again for others. */
  putBack(pool: string, receipts: readonly string[]): Promise<void>;
}

export interface ReceivedOffer {
  readonly receipt: string;
  readonly body: string;
}
