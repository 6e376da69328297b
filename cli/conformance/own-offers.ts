import { setTimeout as wait } from "node:timers/promises";
import type { OfferMessage, OfferQueue } from "../../runner/offer-queue.ts";
import { parseJson } from "../../shared/lib/parse-json.ts";
import { type Offer, offerSchema, type Session } from "../../shared/protocol/leases.ts";

/** The offers of this command's own runs. Any other offer that it meets goes back to the pool at once. */
export interface OwnOffers {
  /** From now on this run's offers are ours. */
  add(runId: string): void;
  /** An offer of the run: one that came before, or that one short poll brings. */
  next(runId: string): Promise<Offer | undefined>;
  /** Deletes offers of ours that still lie in the queue, as far as a few polls find them. */
  clear(): Promise<void>;
}

const RECEIVE_MAX = 10;
/** What is found last is what a poll that finds nothing more says. */
const CLEARING_POLLS_MAX = 40;
const PAUSE_MS = 50;

export function makeOwnOffers(queue: OfferQueue, pool: Session["pools"][number]): OwnOffers {
  const runs = new Set<string>();
  const found = new Map<string, Offer>();
  let polling: Promise<unknown> = Promise.resolve();

  /** The number of ours among them. Short polls: checks take turns. */
  async function poll(): Promise<{ readonly ours: number; readonly others: number }> {
    const messages = await queue.receive(pool.queueUrl, RECEIVE_MAX, true);
    let ours = 0;
    for (const message of messages) {
      const offer = readOffer(message);
      if (offer === undefined || !runs.has(offer.runId)) {
        await queue.putBack(message);
        continue;
      }
      ours += 1;
      found.set(offer.runId, offer);
      queue.remove(message);
    }
    return { ours, others: messages.length - ours };
  }

  function inTurn<T>(call: () => Promise<T>): Promise<T> {
    const mine = polling.then(call);
    polling = mine.catch(() => undefined);
    return mine;
  }

  return {
    add: (runId) => void runs.add(runId),
    next: async (runId) => found.get(runId) ?? inTurn(poll).then(() => found.get(runId)),
    async clear() {
      for (let tries = 0; tries < CLEARING_POLLS_MAX; tries += 1) {
        const { ours } = await inTurn(poll);
        if (ours === 0) break;
        await wait(PAUSE_MS);
      }
      await queue.flush();
    },
  };
}

/** Undefined where it is no offer: then it is not ours. */
function readOffer(message: OfferMessage): Offer | undefined {
  return offerSchema.safeParse(parseJson(message.body)).data;
}
