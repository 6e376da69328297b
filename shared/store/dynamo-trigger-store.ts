import { type DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { getItem, parseItem } from "./dynamo-calls.ts";
import { retryRequest } from "./dynamo-retry.ts";
import { closingKey, DELIVERIES_SHARD } from "./keys.ts";
import { queryDue } from "./query-due.ts";
import {
  absenceItemSchema,
  closingItemSchema,
  decidedItemSchema,
  deliveryItemSchema,
  refItemSchema,
} from "./trigger-items.ts";
import type { TriggerStore } from "./trigger-store.ts";

const dueKeySchema = z.object({ pk: z.string() });

export function makeDynamoTriggerStore(client: DynamoDBDocumentClient, TableName: string): TriggerStore {
  return {
    getDelivery: async (key) => parseItem(deliveryItemSchema, await getItem(client, TableName, key)),
    getDecided: async (key) => parseItem(decidedItemSchema, await getItem(client, TableName, key)),
    getAbsence: async (key) => parseItem(absenceItemSchema, await getItem(client, TableName, key)),
    getRef: async (key) => parseItem(refItemSchema, await getItem(client, TableName, key)),
    async lastClosing(pull, untilMs) {
      const { pk, sk } = closingKey(pull, untilMs);
      const input = {
        TableName,
        ConsistentRead: true,
        KeyConditionExpression: "pk = :pk AND sk <= :to",
        ExpressionAttributeValues: { ":pk": pk, ":to": sk },
        ScanIndexForward: false,
        Limit: 1,
      };
      const { Items = [] } = await retryRequest(() => client.send(new QueryCommand(input)));
      return parseItem(closingItemSchema, Items[0])?.closedAtMs;
    },
    async dueDeliveries(beforeMs, limit) {
      const items = await queryDue(client, TableName, { shard: DELIVERIES_SHARD, untilMs: beforeMs - 1, limit });
      return items.map((item) => dueKeySchema.parse(item));
    },
  };
}
