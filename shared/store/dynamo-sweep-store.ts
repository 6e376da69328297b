import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { getItem, parseItem, queryRange } from "./dynamo-calls.ts";
import { HEAD_RANGE, type Key, type Range, SCHEDULE_RANGE, sweepKey, TAGS_RANGE } from "./keys.ts";
import { queryAhead, queryDue } from "./query-due.ts";
import { headItemSchema, headsItemSchema, scheduleItemSchema, sweepItemSchema, tagsItemSchema } from "./sweep-items.ts";
import type { SweepStore } from "./sweep-store.ts";

const keySchema = z.object({ pk: z.string(), sk: z.string() });

export function makeDynamoSweepStore(client: DynamoDBDocumentClient, TableName: string): SweepStore {
  const get = (key: Key) => getItem(client, TableName, key);
  const list = (partition: string, range: Range) => queryRange(client, TableName, partition, range);

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
    listHeads: async (partition) => (await list(partition, HEAD_RANGE)).map((item) => headItemSchema.parse(item)),
    listTags: async (partition) => (await list(partition, TAGS_RANGE)).map((item) => tagsItemSchema.parse(item)),
    getSchedule: async (key) => parseItem(scheduleItemSchema, await get(key)),
    listSchedules: async (partition) =>
      (await list(partition, SCHEDULE_RANGE)).map((item) => scheduleItemSchema.parse(item)),
    getSweep: async (tenant) => parseItem(sweepItemSchema, await get(sweepKey(tenant))),
  };
}
