import type { OfferMessage } from "./offer-queue.ts";
import { wait } from "./wait.ts";

/** Deletions are gathered for so long: none is on the way to a step. */
const DELETE_LINGER_MS = 50;

export interface OfferRemoval {
  add(message: OfferMessage): void;
  flush(): Promise<void>;
}

/** Gathers deletions into batches of one queue. A deletion that fails is an offer that comes again, so it is only told. */
export function makeOfferRemoval(options: {
  readonly batchMax: number;
  readonly send: (queueUrl: string, receipts: readonly string[]) => Promise<void>;
  readonly onTrouble: (error: unknown) => void;
}): OfferRemoval {
  const { batchMax, send, onTrouble } = options;
  const gathered = new Map<string, string[]>();
  let sending: Promise<void> | undefined;

  async function sendAll(): Promise<void> {
    while (gathered.size > 0) {
      for (const [queueUrl, receipts] of [...gathered]) {
        const batch = receipts.splice(0, batchMax);
        if (receipts.length === 0) gathered.delete(queueUrl);
        await send(queueUrl, batch).catch(onTrouble);
      }
    }
  }

  function start(): Promise<void> {
    sending ??= wait(DELETE_LINGER_MS)
      .then(sendAll)
      .finally(() => {
        sending = undefined;
      });
    return sending;
  }

  return {
    add({ queueUrl, receipt }) {
      const receipts = gathered.get(queueUrl) ?? [];
      receipts.push(receipt);
      gathered.set(queueUrl, receipts);
      void start();
    },
    async flush() {
      while (gathered.size > 0 || sending !== undefined) await start();
    },
  };
}
