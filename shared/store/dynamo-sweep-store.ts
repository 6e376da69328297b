import { type DynamoDBDocumentClient, QueryCommand, type QueryCommandOutput } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import type { Item } from "../domain/item.ts";
import { getItem, parseItem } from "./dynamo-calls.ts";
import { retryRequest } from "./dynamo-retry.ts";
import { HEAD_RANGE, type Key, SCHEDULE_RANGE, sweepKey } from "./keys.ts";
import { migrateItem } from "./migrate.ts";
import { queryAhead, queryDue } from "./query-due.ts";
import { headItemSchema, headsItemSchema, scheduleItemSchema, sweepItemSchema } from "./sweep-items.ts";
import type { SweepStore } from "./sweep-store.ts";

const keySchema = z.object({ pk: z.string(), sk: z.string() });

export function makeDynamoSweepStore(client: DynamoDBDocumentClient, TableName: string): SweepStore {
  const get = (key: Key) => getItem(client, TableName, key);

  async function queryRange(pk: string, range: { readonly from: string; readonly to: string }): Promise<Item[]> {
    const found: Item[] = [];
    let start: QueryCommandOutput["LastEvaluatedKey"];
    do {
      const input = {
        TableName,
        ConsistentRead: true,
        KeyConditionExpression: "pk = :pk AND sk BETWEEN :from AND :to",
        ExpressionAttributeValues: { ":pk": pk, ":from": range.from, ":to": range.to },
        ExclusiveStartKey: start,
      };
      const answer: QueryCommandOutput = await retryRequest(() => client.send(new QueryCommand(input)));
      found.push(...(answer.Items ?? []).map((item) => migrateItem(item)));
      start = answer.LastEvaluatedKey;
    } while (start !== undefined);
    return found;
  }

  return {
    async due(shard, nowMs, limit) {
      const items = await queryDue(client, TableName, { shard, untilMs: nowMs, limit });
      return items.map((item) => keySchema.parse(item));
    },

    async ahead(shard, afterMs, limit) {
      const items = await queryAhead(client, TableName, { shard, afterMs, limit });
      return items.map((item) => keySchema.parse(item));
    },

    getHeads: async (key) => parseItem(headsItemSchema, await get(key)),
    listHeads: async (partition) => (await queryRange(partition, HEAD_RANGE)).map((item) => headItemSchema.parse(item)),
    getSchedule: async (key) => parseItem(scheduleItemSchema, await get(key)),
    listSchedules: async (partition) =>
      (await queryRange(partition, SCHEDULE_RANGE)).map((item) => scheduleItemSchema.parse(item)),
    getSweep: async (tenant) => parseItem(sweepItemSchema, await get(sweepKey(tenant))),
  };
}
