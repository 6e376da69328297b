import { randomBytes } from "node:crypto";
import { DeleteTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createTable } from "../../localstack/create-resources.ts";
import { toDocumentClient } from "../../shared/store/document-client.ts";
import { makeDynamoStore } from "../../shared/store/dynamo-store.ts";
import type { Store } from "../../shared/store/store.ts";
import { makeSimIndex } from "../sim/world/sim-index.ts";
import { makeSimStore } from "../sim/world/sim-store.ts";
import { makeSimTable } from "../sim/world/sim-table.ts";
import { startWorld } from "./world.ts";

/** A table of one kind, for what all kinds must hold to. */
export interface TableUnderTest {
  readonly store: Store;
  stop(): Promise<void>;
}

export interface TableKind {
  readonly name: string;
  start(): Promise<TableUnderTest>;
}

const simulated: TableKind = {
  name: "the simulated table",
  async start() {
    const table = makeSimTable();
    const index = makeSimIndex(table, { nowMs: () => 0, lagMs: () => 0 });
    return { store: makeSimStore(table, index, async (_operation, effect) => effect()), stop: async () => undefined };
  },
};

const embedded: TableKind = {
  name: "the embedded engine",
  async start() {
    const { deps, stop } = await startWorld();
    return { store: deps.store, stop };
  },
};

/** Any server that speaks DynamoDB: a table of its own, removed at the end. */
function at(endpoint: string): TableKind {
  return {
    name: `the server at ${endpoint}`,
    async start() {
      const tableName = `baton-contract-${randomBytes(6).toString("hex")}`;
      const client = new DynamoDBClient({ endpoint, maxAttempts: 1 });
      await createTable(client, tableName);
      return {
        store: makeDynamoStore(toDocumentClient(client), tableName),
        async stop() {
          await client.send(new DeleteTableCommand({ TableName: tableName }));
          client.destroy();
        },
      };
    },
  };
}

const endpoint = process.env["AWS_ENDPOINT_URL"];

/** Every kind that can be had here; `AWS_ENDPOINT_URL` adds a server. */
export const TABLE_KINDS: readonly TableKind[] = [
  simulated,
  embedded,
  ...(endpoint === undefined ? [] : [at(endpoint)]),
];
