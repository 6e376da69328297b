import { isDeepStrictEqual } from "node:util";
import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { PROJECTS_MAX, RETENTION_MS } from "../domain/limits.ts";
import { eachOf } from "../lib/each-of.ts";
import { getItem, keyOnly, parseItem, transact } from "./dynamo-calls.ts";
import { retryRequest } from "./dynamo-retry.ts";
import { ttlAt } from "./item-base.ts";
import { type ProjectItem, projectItemSchema } from "./items.ts";
import { projectItemKey, projectListKey } from "./keys.ts";
import type { ProjectStore } from "./project-store.ts";

const nameListSchema = z.object({ projects: z.set(z.string()).optional() });
/** Projects read at once. */
const WIDTH = 16;
const FREE = "attribute_not_exists(pk) OR attribute_exists(removedAtMs)";
const THERE = "attribute_exists(pk) AND attribute_not_exists(removedAtMs)";

/** One item a project, and one that holds the set of all names: there are few, and a scan is never needed. */
export function makeDynamoProjectStore(client: DynamoDBDocumentClient, TableName: string): ProjectStore {
  const find = async (tenant: string, name: string) => {
    const item = parseItem(projectItemSchema, await getItem(client, TableName, projectItemKey(tenant, name)));
    return item?.removedAtMs === undefined ? item : undefined;
  };
  const listUpdate = (tenant: string, verb: "ADD" | "DELETE", name: string) => ({
    TableName,
    Key: keyOnly(projectListKey(tenant)),
    UpdateExpression: `${verb} projects :name`,
    ExpressionAttributeValues: { ":name": new Set([name]) },
  });

  return {
    getProject: find,

    async listProjects(tenant) {
      const list = nameListSchema.optional().parse(await getItem(client, TableName, projectListKey(tenant)));
      const found = await eachOf([...(list?.projects ?? [])], WIDTH, (name) => find(tenant, name));
      return found.filter((item) => item !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1));
    },

    async addProject(item) {
      const list = listUpdate(item.tenant, "ADD", item.name);
      const answer = await retryRequest(() =>
        transact(client, [
          { Put: { TableName, Item: item, ConditionExpression: FREE } },
          {
            Update: {
              ...list,
              ConditionExpression: "attribute_not_exists(projects) OR size(projects) < :max",
              ExpressionAttributeValues: { ...list.ExpressionAttributeValues, ":max": PROJECTS_MAX },
            },
          },
        ]),
      );
      if (answer === "born") return "added";
      const seen = await find(item.tenant, item.name);
      // A first try, whose answer was lost, may have written it.
      if (isDeepStrictEqual(seen, item)) return "added";
      return seen === undefined ? "full" : "exists";
    },

    async changeProject(item, { updatedAtMs }) {
      const answer = await retryRequest(() =>
        transact(client, [
          {
            Put: {
              TableName,
              Item: item,
              ConditionExpression: `${THERE} AND updatedAtMs = :seen`,
              ExpressionAttributeValues: { ":seen": updatedAtMs },
            },
          },
        ]),
      );
      if (answer === "born") return "done";
      return isDeepStrictEqual(await find(item.tenant, item.name), item) ? "done" : "changed";
    },

    async removeProject(tenant, name, nowMs) {
      const answer = await retryRequest(() =>
        transact(client, [
          {
            Update: {
              TableName,
              Key: keyOnly(projectItemKey(tenant, name)),
              ConditionExpression: THERE,
              UpdateExpression: "SET removedAtMs = :now, #ttl = :ttl",
              ExpressionAttributeNames: { "#ttl": "ttl" },
              ExpressionAttributeValues: { ":now": nowMs, ":ttl": ttlAt(nowMs + RETENTION_MS) },
            },
          },
          { Update: listUpdate(tenant, "DELETE", name) },
        ]),
      );
      return answer === "born" || removedNow(await getItem(client, TableName, projectItemKey(tenant, name)), nowMs);
    },
  };
}

/** The mark of this very call, whose first try landed and lost its answer. */
function removedNow(item: unknown, nowMs: number): boolean {
  const mark: Pick<ProjectItem, "removedAtMs"> | undefined = removalSchema.safeParse(item).data;
  return mark?.removedAtMs === nowMs;
}
const removalSchema = projectItemSchema.pick({ removedAtMs: true });
