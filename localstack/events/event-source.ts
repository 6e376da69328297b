import { setTimeout as wait } from "node:timers/promises";
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { FunctionName } from "../../shared/resources.ts";
import type { Invoke } from "../invoke.ts";
import { errorFields, type Log } from "../stack-log.ts";
import { doneIds, sqsEvent } from "./sqs-event.ts";

/** One SQS queue, read for one function: what Lambda's event source mapping is to a deployment. */

export interface EventSource {
  /** Receives nothing more, and waits for the batches in flight, at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export interface EventSourceOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly queueArn: string;
  readonly function: FunctionName;
  /** Records of one invocation, at most. */
  readonly batch: number;
  readonly invoke: Invoke;
  readonly log: Log;
}

/** Polls are short and end by themselves: one cut off as its message comes hides that until its visibility ends. */
const POLL_SECONDS = 5;
/** Batches at once, so that a slow one does not hold up the others. */
const BATCHES_MAX = 4;
const RECEIVE_RETRY_MS = 500;
/** A record that failed comes back after 1, 2, 4, … seconds. Never 0: the embedded server would lose it. */
const RETURN_SECONDS_MAX = 30;

export function startEventSource(options: EventSourceOptions): EventSource {
  const inFlight = new Set<Promise<void>>();
  const stopping = new AbortController();
  void poll(options, inFlight, stopping.signal);
  return {
    async stop(graceMs) {
      stopping.abort();
      await Promise.race([Promise.all(inFlight), wait(graceMs, undefined, { ref: false })]);
    },
  };
}

/** Never rejects: what fails is logged and tried again. */
async function poll(options: EventSourceOptions, inFlight: Set<Promise<void>>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const messages = await receive(options, signal);
    if (messages.length === 0) continue;
    // Also when stopping: these are received, and would stay invisible for minutes.
    const batch = handleBatch(options, messages).finally(() => inFlight.delete(batch));
    inFlight.add(batch);
    if (inFlight.size >= BATCHES_MAX) await Promise.race(inFlight);
  }
}

async function receive(options: EventSourceOptions, signal: AbortSignal): Promise<readonly Message[]> {
  try {
    const reply = await options.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: options.queueUrl,
        MaxNumberOfMessages: options.batch,
        WaitTimeSeconds: POLL_SECONDS,
        MessageSystemAttributeNames: ["All"],
        MessageAttributeNames: ["All"],
      }),
    );
    return reply.Messages ?? [];
  } catch (error) {
    if (signal.aborted) return [];
    options.log("ERROR", "a queue could not be read", { queue: options.queueArn, ...errorFields(error) });
    await wait(RECEIVE_RETRY_MS, undefined, { ref: false });
    return [];
  }
}

async function handleBatch(options: EventSourceOptions, messages: readonly Message[]): Promise<void> {
  const done = new Set(await invokeBatch(options, messages));
  try {
    await Promise.all([
      deleteDone(
        options,
        messages.filter(({ MessageId }) => done.has(MessageId ?? "")),
      ),
      returnFailed(
        options,
        messages.filter(({ MessageId }) => !done.has(MessageId ?? "")),
      ),
    ]);
  } catch (error) {
    // They come again when their visibility ends: handlers expect duplicates.
    options.log("ERROR", "a batch was not settled", { queue: options.queueArn, ...errorFields(error) });
  }
}

/** The ids of what was done. A handler that throws has done nothing. */
async function invokeBatch(options: EventSourceOptions, messages: readonly Message[]): Promise<readonly string[]> {
  const ids = messages.map(({ MessageId }) => MessageId ?? "");
  try {
    return doneIds(ids, await options.invoke(options.function, sqsEvent(messages, options.queueArn)));
  } catch (error) {
    options.log("ERROR", "a batch failed", { queue: options.queueArn, ids, ...errorFields(error) });
    return [];
  }
}

async function deleteDone({ sqs, queueUrl }: EventSourceOptions, messages: readonly Message[]): Promise<void> {
  if (messages.length === 0) return;
  const Entries = messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
  const { Failed = [] } = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
  if (Failed.length > 0) throw new Error(`not deleted: ${Failed.map(({ Code, Message: why }) => `${Code} ${why}`)}`);
}

async function returnFailed({ sqs, queueUrl }: EventSourceOptions, messages: readonly Message[]): Promise<void> {
  if (messages.length === 0) return;
  const Entries = messages.map(({ ReceiptHandle, Attributes }, i) => ({
    Id: String(i),
    ReceiptHandle,
    VisibilityTimeout: returnSeconds(Number(Attributes?.ApproximateReceiveCount ?? 1)),
  }));
  const { Failed = [] } = await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
  if (Failed.length > 0) throw new Error(`not returned: ${Failed.map(({ Code, Message: why }) => `${Code} ${why}`)}`);
}

/** How long a record rests after its n-th receive failed, in seconds. */
export function returnSeconds(receives: number): number {
  return Math.min(2 ** (Math.max(1, receives) - 1), RETURN_SECONDS_MAX);
}
