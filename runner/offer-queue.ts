import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { OFFERS_PER_CALL_MAX } from "../shared/domain/limits.ts";
import { attachMeter, type RequestMeter } from "../shared/lib/request-meter.ts";
import type { Session } from "../shared/protocol/leases.ts";
import { makeOfferRemoval } from "./offer-removal.ts";
import { queueTrouble } from "./queue-trouble.ts";
import { wait } from "./wait.ts";

/** SQS's longest poll, and one that an embedded server survives: there an aborted poll swallows the next message. */
const WAIT_AWS_SECONDS = 20;
const WAIT_LOCAL_SECONDS = 5;
/** With more pools than slots they take turns, so turns are short. */
const WAIT_TURN_SECONDS = 1;
/** A poll that brings nothing lasts so long at least: a server or proxy that holds none open would be asked 2,000 times a second. */
const EMPTY_MIN_MS = 250;
const REQUEST_TIMEOUT_MS = 30_000;
/** Not 0: an embedded server loses a message that becomes visible at once. */
const PUT_BACK_SECONDS = 1;
/** Long past: so that the SDK asks for the credentials at each request, and gets a renewed session's at once. */
const ASK_EACH_TIME = new Date(0);

const NOT_DELETED = "an offer was not deleted, so it comes again and is answered again";
const NOT_PUT_BACK = "an offer was not put back, so others see it only when its time is up";

export interface OfferMessage {
  readonly queueUrl: string;
  readonly receipt: string;
  readonly body: string;
}

/** The pools' queues, through the session's own credentials. */
export interface OfferQueue {
  /**
   * A long poll. Never aborted: what it would have brought is waited for. What is waited for before it is not, where
   * `signal` says that the runner is going.
   */
  receive(queueUrl: string, max: number, takingTurns: boolean, signal?: AbortSignal): Promise<OfferMessage[]>;
  /** Deletes in the background. A deletion that fails is an offer that comes again, and is answered again. */
  remove(message: OfferMessage): void;
  /** Makes it visible again for others. Where that fails it becomes so by itself, later. */
  putBack(message: OfferMessage): Promise<void>;
  /** Waits for the deletions. */
  flush(): Promise<void>;
  /**
   * Goes on with a renewed session's credentials; a poll in flight is not disturbed. False where its queues are not where
   * this one's were: another must be opened.
   */
  renew(session: Session): boolean;
}

/** Makes the connection that a session names. The simulator has its own. */
export type OpenOfferQueue = (session: Session, onTrouble: (error: unknown) => void, meter: RequestMeter) => OfferQueue;

type Access = NonNullable<Session["sqs"]>;

export const openOfferQueue: OpenOfferQueue = (session, onTrouble, meter) => {
  const { region, endpoint, credentials } = accessOf(session);
  let current = credentials;
  const client = new SQSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: async () => ({ ...plain(current), expiration: ASK_EACH_TIME }),
    requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
    maxAttempts: 2,
  });
  attachMeter(client, "SQS", meter);
  const waitSeconds = endpoint === undefined ? WAIT_AWS_SECONDS : WAIT_LOCAL_SECONDS;
  const removal = makeOfferRemoval({
    batchMax: OFFERS_PER_CALL_MAX,
    onTrouble,
    async send(queueUrl, receipts) {
      const Entries = receipts.map((ReceiptHandle, at) => ({ Id: String(at), ReceiptHandle }));
      const request = new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries });
      const { Failed = [] } = await client.send(request).catch((cause: unknown) => {
        throw new Error(`${NOT_DELETED}: ${queueTrouble(queueUrl, cause)}`, { cause });
      });
      for (const { Message, Code } of Failed) onTrouble(new Error(`${NOT_DELETED}: ${queueUrl}: ${Message ?? Code}`));
    },
  });
  return {
    async receive(queueUrl, max, takingTurns, signal) {
      const soonest = wait(EMPTY_MIN_MS, signal);
      const request = new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(max, OFFERS_PER_CALL_MAX),
        WaitTimeSeconds: takingTurns ? WAIT_TURN_SECONDS : waitSeconds,
      });
      const { Messages = [] } = await client.send(request).catch((cause: unknown) => {
        throw new Error(queueTrouble(queueUrl, cause), { cause });
      });
      if (Messages.length === 0) await soonest;
      return Messages.flatMap(({ Body, ReceiptHandle }) =>
        ReceiptHandle === undefined ? [] : [{ queueUrl, receipt: ReceiptHandle, body: Body ?? "" }],
      );
    },
    remove: removal.add,
    async putBack({ queueUrl, receipt }) {
      const request = new ChangeMessageVisibilityCommand({
        QueueUrl: queueUrl,
        ReceiptHandle: receipt,
        VisibilityTimeout: PUT_BACK_SECONDS,
      });
      await client.send(request).catch((cause: unknown) => {
        onTrouble(new Error(`${NOT_PUT_BACK}: ${queueTrouble(queueUrl, cause)}`, { cause }));
      });
    },
    flush: removal.flush,
    renew(renewed) {
      const access = accessOf(renewed);
      if (access.region !== region || access.endpoint !== endpoint) return false;
      current = access.credentials;
      return true;
    },
  };
};

function accessOf({ sqs }: Session): Access {
  if (sqs === undefined) throw new Error("the control plane named no way to the queues");
  return sqs;
}

function plain({ accessKeyId, secretAccessKey, sessionToken }: Access["credentials"]) {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
