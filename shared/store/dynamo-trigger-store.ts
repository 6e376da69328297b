import { type DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { TABLE } from "../resources.ts";
import { getItem, parseItem } from "./dynamo-calls.ts";
import { retryRequest } from "./dynamo-retry.ts";
import { DELIVERIES_SHARD } from "./keys.ts";
import { decidedItemSchema, deliveryItemSchema, refItemSchema } from "./trigger-items.ts";
import type { TriggerStore } from "./trigger-store.ts";

const dueKeySchema = z.object({ pk: z.string() });

export function makeDynamoTriggerStore(client: DynamoDBDocumentClient, TableName: string): TriggerStore {
  return {
    getDelivery: async (key) => parseItem(deliveryItemSchema, await getItem(client, TableName, key)),
    getDecided: async (key) => parseItem(decidedItemSchema, await getItem(client, TableName, key)),
    getRef: async (key) => parseItem(refItemSchema, await getItem(client, TableName, key)),
    async dueDeliveries(beforeMs, limit) {
      const input = {
        TableName,
        IndexName: TABLE.indexes[0].name,
        KeyConditionExpression: "dueShard = :shard AND wakeAtMs < :before",
        ExpressionAttributeValues: { ":shard": DELIVERIES_SHARD, ":before": beforeMs },
        Limit: limit,
      };
      const answer = await retryRequest(() => client.send(new QueryCommand(input)));
      return (answer.Items ?? []).map((item) => dueKeySchema.parse(item));
    },
  };
}
