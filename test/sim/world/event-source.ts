import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { Simulation } from "../engine/simulation.ts";
import type { Invoke } from "./sim-lambda.ts";
import type { SimMessage, SimQueue } from "./sim-queue.ts";

/** Lambda's poller of one queue: batches become invocations; what succeeded is deleted, the rest comes again. */
export interface EventSource {
  readonly queue: SimQueue;
  readonly functionName: string;
  readonly timeoutMs: number;
  readonly batchMax: number;
  readonly receivesMax: number;
  readonly handler: (event: SQSEvent) => Promise<SQSBatchResponse>;
}

const POLL_MS_MAX = 30;

export function connectEventSource(sim: Simulation, invoke: Invoke, source: EventSource): void {
  const { queue } = source;
  const dice = sim.dice(`poller of ${queue.name}`);

  function deliver(messages: readonly SimMessage[]): void {
    const event: SQSEvent = { Records: messages.map((message) => recordOf(queue, message)) };
    invoke<SQSBatchResponse>(
      source.functionName,
      source.timeoutMs,
      () => source.handler(event),
      (how) => {
        const failed =
          how.kind === "answered" ? how.value.batchItemFailures.map((one) => one.itemIdentifier) : undefined;
        for (const message of messages) {
          if (failed !== undefined && !failed.includes(message.id)) queue.remove(message.receipt);
          // The dead letters: nobody brings it back.
          else if (message.receives >= source.receivesMax) queue.remove(message.receipt);
        }
      },
    );
  }

  function listen(): void {
    queue.whenVisible(() => {
      sim.world(dice() * POLL_MS_MAX, `poller of ${queue.name}`, () => {
        // Several pollers look at once, and each gets its part.
        const messages = queue.receive(1 + Math.floor(dice() * source.batchMax));
        if (messages.length > 0) deliver(messages);
        listen();
      });
    });
  }
  listen();
}

function recordOf(queue: SimQueue, { id, body, receipt, receives }: SimMessage): SQSRecord {
  return {
    messageId: id,
    receiptHandle: receipt,
    body,
    attributes: {
      ApproximateReceiveCount: String(receives),
      SentTimestamp: "0",
      SenderId: "sim",
      ApproximateFirstReceiveTimestamp: "0",
    },
    messageAttributes: {},
    md5OfBody: "",
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:${queue.name}`,
    awsRegion: "us-east-1",
  };
}
