import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { attachMeter, type RequestMeter } from "../shared/lib/request-meter.ts";
import type { Session } from "../shared/protocol/leases.ts";
import { wait } from "./wait.ts";

/** Offers of one receive, and deletions of one call: SQS's own limits. */
export const OFFERS_MAX = 10;
/** SQS's longest poll, and one that an embedded server survives: there an aborted poll swallows the next message. */
const WAIT_AWS_SECONDS = 20;
const WAIT_LOCAL_SECONDS = 5;
/** With more pools than slots they take turns, so turns are short. */
const WAIT_TURN_SECONDS = 1;
const REQUEST_TIMEOUT_MS = 30_000;
/** Deletions are gathered for so long: none is on the way to a step. */
const DELETE_LINGER_MS = 50;
/** Not 0: an embedded server loses a message that becomes visible at once. */
const PUT_BACK_SECONDS = 1;

export interface OfferMessage {
  readonly queueUrl: string;
  readonly receipt: string;
  readonly body: string;
}

/** The pools' queues, through the session's own credentials. */
export interface OfferQueue {
  /** A long poll. Never aborted: what it would have brought is waited for. */
  receive(queueUrl: string, max: number, takingTurns: boolean): Promise<OfferMessage[]>;
  /** Deletes in the background. A deletion that fails is an offer that comes again, and is answered again. */
  remove(message: OfferMessage): void;
  /** Makes it visible again for others. */
  putBack(message: OfferMessage): Promise<void>;
  /** Waits for the deletions. */
  flush(): Promise<void>;
}

/** Makes the connection that a session names. The simulator has its own. */
export type OpenOfferQueue = (
  sqs: Session["sqs"],
  onTrouble: (error: unknown) => void,
  meter: RequestMeter,
) => OfferQueue;

export const openOfferQueue: OpenOfferQueue = ({ region, endpoint, credentials }, onTrouble, meter) => {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const client = new SQSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
    maxAttempts: 2,
  });
  attachMeter(client, "SQS", meter);
  const waitSeconds = endpoint === undefined ? WAIT_AWS_SECONDS : WAIT_LOCAL_SECONDS;
  const removal = makeRemoval(client, onTrouble);
  const queue: OfferQueue = {
    async receive(queueUrl, max, takingTurns) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: Math.min(max, OFFERS_MAX),
          WaitTimeSeconds: takingTurns ? WAIT_TURN_SECONDS : waitSeconds,
        }),
      );
      return Messages.flatMap(({ Body, ReceiptHandle }) =>
        ReceiptHandle === undefined ? [] : [{ queueUrl, receipt: ReceiptHandle, body: Body ?? "" }],
      );
    },
    remove: removal.add,
    async putBack({ queueUrl, receipt }) {
      await client.send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: queueUrl,
          ReceiptHandle: receipt,
          VisibilityTimeout: PUT_BACK_SECONDS,
        }),
      );
    },
    flush: removal.flush,
  };
  return queue;
};

/** Gathers deletions into batches of one queue. */
function makeRemoval(client: SQSClient, onTrouble: (error: unknown) => void) {
  const gathered = new Map<string, string[]>();
  let sending: Promise<void> | undefined;

  async function sendAll(): Promise<void> {
    while (gathered.size > 0) {
      for (const [queueUrl, receipts] of [...gathered]) {
        const batch = receipts.splice(0, OFFERS_MAX);
        if (receipts.length === 0) gathered.delete(queueUrl);
        await send(queueUrl, batch);
      }
    }
  }

  async function send(queueUrl: string, receipts: readonly string[]): Promise<void> {
    const Entries = receipts.map((ReceiptHandle, at) => ({ Id: String(at), ReceiptHandle }));
    try {
      const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      for (const { Message, Code } of Failed) onTrouble(new Error(`an offer was not deleted: ${Message ?? Code}`));
    } catch (error) {
      onTrouble(error);
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
    add({ queueUrl, receipt }: OfferMessage): void {
      const receipts = gathered.get(queueUrl) ?? [];
      receipts.push(receipt);
      gathered.set(queueUrl, receipts);
      void start();
    },
    async flush(): Promise<void> {
      while (gathered.size > 0 || sending !== undefined) await start();
    },
  };
}
