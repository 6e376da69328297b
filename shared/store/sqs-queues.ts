import {
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { type DeliveryHint, type PoolOffer, QUEUE_DELAY_MAX_MS, type Queues } from "./queues.ts";

const BATCH_MAX = 10;

/** Queues on SQS. Offers of one project share a message group, so that no project starves the others (fair queues). */
export function makeSqsQueues(
  client: SQSClient,
  urls: {
    readonly ticks: string;
    readonly plans: string;
    readonly reports: string;
    readonly pool: (pool: string) => string;
  },
): Queues {
  return {
    async sendOffers(offers) {
      const byPool = Map.groupBy(offers, (offer) => offer.pool);
      const batches = [...byPool].flatMap(([pool, ofPool]) =>
        chunked(ofPool, BATCH_MAX).map((batch) => ({ pool, batch })),
      );
      await Promise.all(batches.map(({ pool, batch }) => sendBatch(client, urls.pool(pool), batch)));
    },
    async sendTick(tick, delayMs) {
      const message = { QueueUrl: urls.ticks, MessageBody: JSON.stringify(tick), DelaySeconds: delaySeconds(delayMs) };
      await client.send(new SendMessageCommand(message));
    },
    async sendReport(ref, delayMs) {
      const message = { QueueUrl: urls.reports, MessageBody: JSON.stringify(ref), DelaySeconds: delaySeconds(delayMs) };
      await client.send(new SendMessageCommand(message));
    },
    async sendPlan({ tenant, runId }) {
      await client.send(
        new SendMessageCommand({ QueueUrl: urls.plans, MessageBody: JSON.stringify({ kind: "plan", tenant, runId }) }),
      );
    },
    async visibleOffers(pool) {
      return approximateMessages(client, urls.pool(pool));
    },
    async ping() {
      await approximateMessages(client, urls.ticks);
    },
  };
}

/** Asks for a delivery to be decided, on the queue of plans: one more queue would cost its pollers. */
export function makeDeliverySender(
  client: SQSClient,
  QueueUrl: string,
): (hint: DeliveryHint, delayMs?: number) => Promise<void> {
  return async (hint, delayMs = 0) => {
    const MessageBody = JSON.stringify({ kind: "delivery", ...hint });
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody, DelaySeconds: delaySeconds(delayMs) }));
  };
}

const delaySeconds = (delayMs: number) => Math.ceil(Math.min(QUEUE_DELAY_MAX_MS, Math.max(0, delayMs)) / 1_000);

async function sendBatch(client: SQSClient, QueueUrl: string, batch: readonly PoolOffer[]): Promise<void> {
  const [only] = batch;
  if (only !== undefined && batch.length === 1) {
    const { offer, project } = only;
    await client.send(
      new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(offer), MessageGroupId: project }),
    );
    return;
  }
  const Entries = batch.map(({ offer, project }, at) => ({
    Id: String(at),
    MessageBody: JSON.stringify(offer),
    MessageGroupId: project,
  }));
  const answer = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  const [failed] = answer.Failed ?? [];
  if (failed !== undefined)
    throw new Error(`${answer.Failed?.length} of ${batch.length} offers were refused: ${failed.Message}`);
}

/** Messages that wait in a queue: approximate. */
export async function approximateMessages(client: SQSClient, QueueUrl: string): Promise<number> {
  const answer = await client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages"] }),
  );
  return Number(answer.Attributes?.ApproximateNumberOfMessages ?? 0);
}

function chunked<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
}
