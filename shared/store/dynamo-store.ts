import { DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import { type DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { withHistory } from "../domain/history.ts";
import type { Args, Item } from "../domain/item.ts";
import type { MoveOn } from "../domain/move.ts";
import { eachOf } from "../lib/each-of.ts";
import { TABLE } from "../resources.ts";
import { assertBirth, BIRTH_CONCURRENCY, TRANSACTION_ITEMS_MAX } from "./births.ts";
import { compileMove } from "./compile-move.ts";
import { getItem, keyOnly, NEW, parseItem, putNew, queryRange, transact, update } from "./dynamo-calls.ts";
import { retryRequest } from "./dynamo-retry.ts";
import { familySchemas } from "./family-schemas.ts";
import {
  checkItemSchema,
  idempotencyItemSchema,
  jobItemSchema,
  joinItemSchema,
  type RunItems,
  runItemSchema,
  runSummarySchema,
  type SpecItem,
  specItemSchema,
  tokenItemSchema,
} from "./items.ts";
import {
  checkKey,
  HOT_RANGE,
  jobKey,
  type Key,
  runItemsPartition,
  runKey,
  SPEC_RANGE,
  specKey,
  tokenKey,
  tokenListKey,
} from "./keys.ts";
import { migrateItem } from "./migrate.ts";
import { queryDue } from "./query-due.ts";
import type { Applied, Cause, DueRun, FamilyItems, Store } from "./store.ts";

/** The store on DynamoDB: each move is one conditional UpdateItem that answers with the item (ALL_NEW, or ALL_OLD when refused). */
export function makeDynamoStore(client: DynamoDBDocumentClient, tableName: string): Store {
  const table = { TableName: tableName };
  const get = (key: Key) => getItem(client, tableName, key);

  return {
    async apply<F extends keyof FamilyItems>(move: MoveOn<F>, key: Key, args: Args, cause: Cause) {
      const compiled = compileMove(move, withHistory(move, args, cause));
      const answer = await retryRequest(() => update(client, { ...table, Key: keyOnly(key), ...compiled }));
      return { applied: answer.applied, item: parseItem(familySchemas[move.on], answer.item) } as Applied<
        FamilyItems[F]
      >;
    },

    async birth(items) {
      if (items.length > TRANSACTION_ITEMS_MAX)
        throw new Error(`a birth of ${items.length} items does not fit one transaction`);
      items.forEach(assertBirth);
      const TransactItems = items.map((Item) => ({ Put: { ...table, Item, ConditionExpression: NEW } }));
      return retryRequest(() => transact(client, TransactItems));
    },

    async birthEach(items) {
      items.forEach(assertBirth);
      await eachOf(items, BIRTH_CONCURRENCY, (item) => putNew(client, tableName, item));
    },

    getRun: async (ref) => parseItem(runItemSchema, await get(runKey(ref))),
    getJob: async (ref) => parseItem(jobItemSchema, await get(jobKey(ref))),
    getSpec: async (ref) => parseItem(specItemSchema, await get(specKey(ref))),
    getCheck: async (ref, checkId) => parseItem(checkItemSchema, await get(checkKey(ref, checkId))),
    getIdempotency: async (key) => parseItem(idempotencyItemSchema, await get(key)),
    getRunItems: async (ref) => sortRunItems(await queryRange(client, tableName, runItemsPartition(ref), HOT_RANGE)),
    async getSpecs(ref) {
      const items = await queryRange(client, tableName, runItemsPartition(ref), SPEC_RANGE);
      return items.map((item): SpecItem => specItemSchema.parse(item));
    },

    async dueRuns(shard, beforeMs, limit) {
      const items = await queryDue(client, tableName, { shard, untilMs: beforeMs - 1, limit });
      return items.map((item): DueRun => dueRunOf(item));
    },

    async runsOfProject(projectKey, limit, cursor) {
      const input = {
        ...table,
        IndexName: TABLE.indexes[1].name,
        KeyConditionExpression:
          cursor === undefined ? "projectKey = :project" : "projectKey = :project AND runId < :cursor",
        ExpressionAttributeValues: { ":project": projectKey, ...(cursor === undefined ? {} : { ":cursor": cursor }) },
        ScanIndexForward: false,
        Limit: limit,
      };
      const answer = await retryRequest(() => client.send(new QueryCommand(input)));
      const runs = (answer.Items ?? []).map((item) => runSummarySchema.parse(item));
      const last = runs.at(-1)?.runId;
      return answer.LastEvaluatedKey !== undefined && last !== undefined ? { runs, cursor: last } : { runs };
    },

    getToken: async (tenant, tokenId) => parseItem(tokenItemSchema, await get(tokenKey(tenant, tokenId))),
    async addToken(item) {
      assertBirth(item);
      await retryRequest(() =>
        transact(client, [
          { Put: { ...table, Item: item, ConditionExpression: NEW } },
          {
            Update: {
              ...table,
              Key: { ...tokenListKey(item.tenant) },
              UpdateExpression: "ADD tokens :id",
              ExpressionAttributeValues: { ":id": new Set([item.tokenId]) },
            },
          },
        ]),
      );
    },
    async listTokens(tenant) {
      const list = tokenListSchema.optional().parse(await get(tokenListKey(tenant)));
      const found = await Promise.all([...(list?.tokens ?? [])].map((id) => get(tokenKey(tenant, id))));
      return found.filter((item) => item !== undefined).map((item) => tokenItemSchema.parse(migrateItem(item)));
    },
    async revokeToken(tenant, tokenId, nowMs, whileLives) {
      const revoking = {
        ...table,
        Key: { ...tokenKey(tenant, tokenId) },
        ConditionExpression: LIVE_TOKEN,
        UpdateExpression: "SET revokedAtMs = :now",
        ExpressionAttributeValues: { ":now": nowMs },
      };
      if (whileLives === undefined) {
        const answer = await retryRequest(() => update(client, revoking));
        return answer.item === undefined ? "unknown" : "revoked";
      }
      // Written with what it has: two that are each other's last witness conflict, and one of them is refused.
      const witness = {
        ...table,
        Key: { ...tokenKey(tenant, whileLives) },
        ConditionExpression: LIVE_TOKEN,
        UpdateExpression: "SET scopes = scopes",
      };
      const done = await retryRequest(() => transact(client, [{ Update: revoking }, { Update: witness }]));
      if (done === "born") return "revoked";
      const seen = parseItem(tokenItemSchema, await get(tokenKey(tenant, tokenId)));
      if (seen === undefined) return "unknown";
      return seen.revokedAtMs === undefined ? "refused" : "revoked";
    },

    async ping() {
      await client.send(new DescribeTableCommand(table));
    },
  };
}

const LIVE_TOKEN = "attribute_exists(pk) AND attribute_not_exists(revokedAtMs)";
const tokenListSchema = z.object({ tokens: z.set(z.string()).optional() });
const dueKeySchema = z.object({ pk: z.string(), tickSeq: z.int() });

/** The index holds keys and the seq only; the partition key names tenant and run. */
function dueRunOf(item: Item): DueRun {
  const { pk, tickSeq } = dueKeySchema.parse(item);
  const [, tenant, , runId] = pk.split("#");
  if (tenant === undefined || runId === undefined) throw new Error(`the due index names ${pk}, which is no run`);
  return { tenant, runId, tickSeq };
}

function sortRunItems(items: readonly Item[]): RunItems {
  const ofFamily = (family: string) => items.filter((item) => item["family"] === family);
  return {
    run: ofFamily("run").map((item) => runItemSchema.parse(item))[0],
    jobs: ofFamily("job")
      .map((item) => jobItemSchema.parse(item))
      .sort((a, b) => a.order - b.order),
    checks: ofFamily("check").map((item) => checkItemSchema.parse(item)),
    joins: ofFamily("join").map((item) => joinItemSchema.parse(item)),
  };
}
