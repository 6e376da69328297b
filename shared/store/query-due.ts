import { type DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";
import type { Item } from "../domain/item.ts";
import { TABLE } from "../resources.ts";
import { retryRequest } from "./dynamo-retry.ts";

/** What one shard of the `due` index has whose `wakeAtMs` has come by `untilMs`, earliest first: keys, and what is projected. */
export async function queryDue(
  client: DynamoDBDocumentClient,
  TableName: string,
  due: { readonly shard: string; readonly untilMs: number; readonly limit: number },
): Promise<Item[]> {
  const input = {
    TableName,
    IndexName: TABLE.indexes[0].name,
    KeyConditionExpression: "dueShard = :shard AND wakeAtMs <= :until",
    ExpressionAttributeValues: { ":shard": due.shard, ":until": due.untilMs },
    Limit: due.limit,
  };
  const answer = await retryRequest(() => client.send(new QueryCommand(input)));
  return answer.Items ?? [];
}

/** What one shard has whose `wakeAtMs` is later than `afterMs`, furthest first. */
export async function queryAhead(
  client: DynamoDBDocumentClient,
  TableName: string,
  ahead: { readonly shard: string; readonly afterMs: number; readonly limit: number },
): Promise<Item[]> {
  const input = {
    TableName,
    IndexName: TABLE.indexes[0].name,
    KeyConditionExpression: "dueShard = :shard AND wakeAtMs > :after",
    ExpressionAttributeValues: { ":shard": ahead.shard, ":after": ahead.afterMs },
    ScanIndexForward: false,
    Limit: ahead.limit,
  };
  const answer = await retryRequest(() => client.send(new QueryCommand(input)));
  return answer.Items ?? [];
}
