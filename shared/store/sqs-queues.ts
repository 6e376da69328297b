import {
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { PoolOffer, Queues } from "./queues.ts";

const BATCH_MAX = 10;
const DELAY_SECONDS_MAX = 900;

/** Queues on SQS. Offers of one project share a message group, so that no project starves the others (fair queues). */
export function makeSqsQueues(
  client: SQSClient,
  urls: { readonly ticks: string; readonly plans: string; readonly pool: (pool: string) => string },
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
      const DelaySeconds = Math.min(DELAY_SECONDS_MAX, Math.max(0, Math.ceil(delayMs / 1_000)));
      await client.send(
        new SendMessageCommand({ QueueUrl: urls.ticks, MessageBody: JSON.stringify(tick), DelaySeconds }),
      );
    },
    async sendPlan({ tenant, runId }) {
      await client.send(
        new SendMessageCommand({ QueueUrl: urls.plans, MessageBody: JSON.stringify({ tenant, runId }) }),
      );
    },
    async visibleOffers(pool) {
      return approximate(client, urls.pool(pool));
    },
    async ping() {
      await approximate(client, urls.ticks);
    },
  };
}

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

async function approximate(client: SQSClient, QueueUrl: string): Promise<number> {
  const answer = await client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages"] }),
  );
  return Number(answer.Attributes?.ApproximateNumberOfMessages ?? 0);
}

function chunked<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
}
