import { ConditionalCheckFailedException } from "@aws-sdk/client-dynamodb";
import { type DynamoDBDocumentClient, PutCommand, QueryCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { keyOnly } from "./dynamo-calls.ts";
import { retryRequest } from "./dynamo-retry.ts";
import { runnersPartition } from "./keys.ts";
import { migrateItem } from "./migrate.ts";
import { EPHEMERAL, runnerItemSchema } from "./runner-item.ts";
import type { RunnerStore } from "./runner-store.ts";

export function makeDynamoRunnerStore(client: DynamoDBDocumentClient, TableName: string): RunnerStore {
  return {
    async seen(Item) {
      const input = { TableName, Item };
      // Ephemeral processes come one after the other.
      if (Item.instance === EPHEMERAL) return void (await retryRequest(() => client.send(new PutCommand(input))));
      const guarded = {
        ...input,
        // One that is over takes nobody's place, nor does one from a clock that was ahead.
        ConditionExpression:
          "attribute_not_exists(pk) OR #it < :it OR (#it = :it AND attribute_not_exists(leftAtMs)) OR (#it > :it AND (expiresAtMs < :now OR seenAtMs > :now))",
        ExpressionAttributeNames: { "#it": "instance" },
        ExpressionAttributeValues: { ":it": Item.instance, ":now": Item.seenAtMs },
      };
      await retryRequest(() => client.send(new PutCommand(guarded))).catch(unlessRefused);
    },
    async left(key, { runnerId, nowMs }) {
      const input = {
        TableName,
        Key: keyOnly(key),
        ConditionExpression: "runnerId = :session",
        UpdateExpression: "SET leftAtMs = :now, expiresAtMs = :now",
        ExpressionAttributeValues: { ":session": runnerId, ":now": nowMs },
      };
      await retryRequest(() => client.send(new UpdateCommand(input))).catch(unlessRefused);
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

/** Another session has come, or it has left before: that is how it is now. */
function unlessRefused(error: unknown): void {
  if (!(error instanceof ConditionalCheckFailedException)) throw error;
}
