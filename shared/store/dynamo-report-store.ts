import { type DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { TABLE } from "../resources.ts";
import { getItem, parseItem } from "./dynamo-calls.ts";
import { retryRequest } from "./dynamo-retry.ts";
import { outboxKey, outboxRefOf, REPORTS_SHARD } from "./keys.ts";
import { outboxItemSchema } from "./report-items.ts";
import type { ReportStore } from "./report-store.ts";

const keySchema = z.object({ pk: z.string(), sk: z.string() });

export function makeDynamoReportStore(client: DynamoDBDocumentClient, TableName: string): ReportStore {
  return {
    getOutbox: async (ref) => parseItem(outboxItemSchema, await getItem(client, TableName, outboxKey(ref))),
    async dueOutboxes(beforeMs, limit) {
      const input = {
        TableName,
        IndexName: TABLE.indexes[0].name,
        KeyConditionExpression: "dueShard = :shard AND wakeAtMs < :before",
        ExpressionAttributeValues: { ":shard": REPORTS_SHARD, ":before": beforeMs },
        Limit: limit,
      };
      const answer = await retryRequest(() => client.send(new QueryCommand(input)));
      return (answer.Items ?? []).map((item) => outboxRefOf(keySchema.parse(item)));
    },
  };
}
