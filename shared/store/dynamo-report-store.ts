import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { getItem, parseItem } from "./dynamo-calls.ts";
import { outboxKey, REPORTS_SHARD, statusKey } from "./keys.ts";
import { queryDue } from "./query-due.ts";
import { outboxItemSchema, statusItemSchema } from "./report-items.ts";
import type { ReportStore } from "./report-store.ts";

const keySchema = z.object({ pk: z.string(), sk: z.string() });

export function makeDynamoReportStore(client: DynamoDBDocumentClient, TableName: string): ReportStore {
  return {
    getOutbox: async (ref) => parseItem(outboxItemSchema, await getItem(client, TableName, outboxKey(ref))),
    getStatus: async (ref) => parseItem(statusItemSchema, await getItem(client, TableName, statusKey(ref))),
    async dueOutboxes(beforeMs, limit) {
      const items = await queryDue(client, TableName, { shard: REPORTS_SHARD, untilMs: beforeMs - 1, limit });
      return items.map((item) => keySchema.parse(item));
    },
  };
}
