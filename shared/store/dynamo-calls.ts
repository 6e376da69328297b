import { ConditionalCheckFailedException, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandOutput,
  TransactWriteCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { z } from "zod";
import type { Item } from "../domain/item.ts";
import { retryRequest } from "./dynamo-retry.ts";
import type { Key, Range } from "./keys.ts";
import { migrateItem } from "./migrate.ts";

/** The requests that stores on DynamoDB are made of. */

/** The condition of a birth. */
export const NEW = "attribute_not_exists(pk)";

/** What is stored, brought up to date and checked; undefined where there is nothing. */
export function parseItem<S extends z.ZodType>(schema: S, item: Item | undefined): z.output<S> | undefined {
  return item === undefined ? undefined : schema.parse(migrateItem(item));
}

/** A whole item passes for its key; DynamoDB takes the two attributes alone. */
export const keyOnly = ({ pk, sk }: Key) => ({ pk, sk });

/** Strongly consistent. */
export async function getItem(client: DynamoDBDocumentClient, TableName: string, key: Key): Promise<Item | undefined> {
  const input = { TableName, Key: keyOnly(key), ConsistentRead: true };
  const answer = await retryRequest(() => client.send(new GetCommand(input)));
  return answer.Item;
}

/** All of one partition from `from` to `to`, whatever the number of pages. Strongly consistent. */
export async function queryRange(
  client: DynamoDBDocumentClient,
  TableName: string,
  pk: string,
  range: Range,
): Promise<Item[]> {
  const found: Item[] = [];
  let start: QueryCommandOutput["LastEvaluatedKey"];
  do {
    const input = {
      TableName,
      ConsistentRead: true,
      KeyConditionExpression: "pk = :pk AND sk BETWEEN :from AND :to",
      ExpressionAttributeValues: { ":pk": pk, ":from": range.from, ":to": range.to },
      ExclusiveStartKey: start,
    };
    const answer: QueryCommandOutput = await retryRequest(() => client.send(new QueryCommand(input)));
    found.push(...(answer.Items ?? []).map((item) => migrateItem(item)));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return found;
}

/** Writes an item; one that is there already stays. */
export async function putNew(client: DynamoDBDocumentClient, TableName: string, item: object): Promise<void> {
  const input = { TableName, Item: { ...item }, ConditionExpression: NEW };
  try {
    await retryRequest(() => client.send(new PutCommand(input)));
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}

/** One conditional UpdateItem: the item after it, or as it stands where the condition refused it. */
export async function update(
  client: DynamoDBDocumentClient,
  input: Omit<ConstructorParameters<typeof UpdateCommand>[0], "ReturnValues">,
): Promise<{ applied: boolean; item: Item | undefined }> {
  try {
    const answer = await client.send(
      new UpdateCommand({ ...input, ReturnValues: "ALL_NEW", ReturnValuesOnConditionCheckFailure: "ALL_OLD" }),
    );
    return { applied: true, item: answer.Attributes };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return { applied: false, item: error.Item === undefined ? undefined : unmarshall(error.Item) };
  }
}

type TransactItems = NonNullable<ConstructorParameters<typeof TransactWriteCommand>[0]["TransactItems"]>;

/** All or nothing; `exists` where a condition refused it. */
export async function transact(client: DynamoDBDocumentClient, items: TransactItems): Promise<"born" | "exists"> {
  try {
    await client.send(new TransactWriteCommand({ TransactItems: items }));
    return "born";
  } catch (error) {
    if (!(error instanceof TransactionCanceledException)) throw error;
    const codes = (error.CancellationReasons ?? []).map((reason) => reason.Code);
    if (codes.includes("ConditionalCheckFailed")) return "exists";
    throw error;
  }
}
