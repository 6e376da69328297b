import { type DynamoDBDocumentClient, PutCommand, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { retryRequest } from "./dynamo-retry.ts";
import { runnersPartition } from "./keys.ts";
import { migrateItem } from "./migrate.ts";
import { runnerItemSchema } from "./runner-item.ts";
import type { RunnerStore } from "./runner-store.ts";

export function makeDynamoRunnerStore(client: DynamoDBDocumentClient, TableName: string): RunnerStore {
  return {
    async seen(Item) {
      await retryRequest(() => client.send(new PutCommand({ TableName, Item })));
    },
    async list(tenant, Limit) {
      const input = {
        TableName,
        KeyConditionExpression: "pk = :pk",
        ExpressionAttributeValues: { ":pk": runnersPartition(tenant) },
        Limit,
      };
      const answer = await retryRequest(() => client.send(new QueryCommand(input)));
      const runners = (answer.Items ?? []).map((item) => runnerItemSchema.parse(migrateItem(item)));
      return { runners, cut: answer.LastEvaluatedKey !== undefined };
    },
  };
}
