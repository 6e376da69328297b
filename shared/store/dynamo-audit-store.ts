import { type DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";
import type { AuditStore } from "./audit-store.ts";
import { putNew } from "./dynamo-calls.ts";
import { retryRequest } from "./dynamo-retry.ts";
import { auditItemSchema } from "./items.ts";
import { auditPartition } from "./keys.ts";
import { migrateItem } from "./migrate.ts";

export function makeDynamoAuditStore(client: DynamoDBDocumentClient, TableName: string): AuditStore {
  return {
    // An id that is there is this entry: it is random, or made of all that the entry says but its time.
    append: (item) => putNew(client, TableName, item),

    async readDay(tenant, day, limit, cursor) {
      const after = cursor === undefined ? "" : " AND sk > :cursor";
      const answer = await retryRequest(() =>
        client.send(
          new QueryCommand({
            TableName,
            ConsistentRead: true,
            KeyConditionExpression: `pk = :day${after}`,
            ExpressionAttributeValues: {
              ":day": auditPartition(tenant, day),
              ...(cursor === undefined ? {} : { ":cursor": cursor }),
            },
            Limit: limit,
          }),
        ),
      );
      const items = (answer.Items ?? []).map((item) => auditItemSchema.parse(migrateItem(item)));
      const last = items.at(-1)?.sk;
      return answer.LastEvaluatedKey !== undefined && last !== undefined ? { items, cursor: last } : { items };
    },
  };
}
