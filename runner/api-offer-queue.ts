import { OFFERS_PER_CALL_MAX } from "../shared/domain/limits.ts";
import type { Client } from "../shared/protocol/client.ts";
import type { Session } from "../shared/protocol/leases.ts";
import type { OpenOfferQueue } from "./offer-queue.ts";
import { makeOfferRemoval } from "./offer-removal.ts";
import { idlePauseMs, POLL_WAIT_SECONDS } from "./poll-price.ts";
import { wait } from "./wait.ts";

/**
 * Offers through the control plane's API, for a runner that cannot or must not reach the queues. Each call costs a
 * request and a function that waits, so calls that bring nothing come ever more seldom (runner/poll-price.ts).
 */
export function apiOfferQueue(client: Client): OpenOfferQueue {
  return (opened, onTrouble) => {
    let session = opened;
    /** Polls that brought nothing, one after the other, by queue. */
    const idle = new Map<string, number>();
    const call = (name: "removeOffers" | "returnOffers", queueUrl: string, receipts: readonly string[]) => {
      const params = { pool: poolOf(session, queueUrl) };
      return client.call(name, { params, body: { receipts: [...receipts] } }, { token: session.sessionToken });
    };
    const removal = makeOfferRemoval({
      batchMax: OFFERS_PER_CALL_MAX,
      onTrouble,
      async send(queueUrl, receipts) {
        await call("removeOffers", queueUrl, receipts);
      },
    });
    return {
      async receive(queueUrl, max, takingTurns, signal) {
        const quiet = idle.get(queueUrl) ?? 0;
        // Pools that take turns share the pause too: together they poll as often as one.
        const share = takingTurns ? session.pools.length : 1;
        if (quiet > 0) await wait(idlePauseMs(quiet) / share, signal);
        if (signal?.aborted) return [];
        const params = { pool: poolOf(session, queueUrl) };
        const body = { max: Math.min(max, OFFERS_PER_CALL_MAX), waitSeconds: POLL_WAIT_SECONDS };
        const { offers } = await client.call("receiveOffers", { params, body }, { token: session.sessionToken });
        idle.set(queueUrl, offers.length === 0 ? quiet + 1 : 0);
        return offers.map((offer) => ({ queueUrl, ...offer }));
      },
      remove: removal.add,
      async putBack({ queueUrl, receipt }) {
        await call("returnOffers", queueUrl, [receipt]);
      },
      flush: removal.flush,
      renew(renewed) {
        session = renewed;
        return true;
      },
    };
  };
}

/** The API names queues by their pools. */
function poolOf({ pools }: Session, queueUrl: string): string {
  const pool = pools.find((one) => one.queueUrl === queueUrl);
  if (pool === undefined) throw new Error(`the session has no pool with the queue ${queueUrl}`);
  return pool.name;
}
