import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { getItem, parseItem } from "./dynamo-calls.ts";
import { DELIVERIES_SHARD } from "./keys.ts";
import { queryDue } from "./query-due.ts";
import { decidedItemSchema, deliveryItemSchema, refItemSchema } from "./trigger-items.ts";
import type { TriggerStore } from "./trigger-store.ts";

const dueKeySchema = z.object({ pk: z.string() });

export function makeDynamoTriggerStore(client: DynamoDBDocumentClient, TableName: string): TriggerStore {
  return {
    getDelivery: async (key) => parseItem(deliveryItemSchema, await getItem(client, TableName, key)),
    getDecided: async (key) => parseItem(decidedItemSchema, await getItem(client, TableName, key)),
    getRef: async (key) => parseItem(refItemSchema, await getItem(client, TableName, key)),
    async dueDeliveries(beforeMs, limit) {
      const items = await queryDue(client, TableName, { shard: DELIVERIES_SHARD, untilMs: beforeMs - 1, limit });
      return items.map((item) => dueKeySchema.parse(item));
    },
  };
}
