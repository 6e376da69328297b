import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { type DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { ulid } from "ulid";
import { createTable } from "../../localstack/create-resources.ts";
import { findDynamoEngine, startDynamoEngine } from "../../localstack/dynamo-engine.ts";
import { TABLE_NAME } from "../../localstack/names.ts";
import type { Item } from "../../shared/domain/item.ts";
import { makeSigner } from "../../shared/lib/signed-token.ts";
import type { Bucket } from "../../shared/store/bucket.ts";
import { toDocumentClient } from "../../shared/store/document-client.ts";
import { makeDynamoAuditStore } from "../../shared/store/dynamo-audit-store.ts";
import { makeDynamoProjectStore } from "../../shared/store/dynamo-project-store.ts";
import { makeDynamoReportStore } from "../../shared/store/dynamo-report-store.ts";
import { makeDynamoRunnerStore } from "../../shared/store/dynamo-runner-store.ts";
import { makeDynamoStore } from "../../shared/store/dynamo-store.ts";
import { makeDynamoSweepStore } from "../../shared/store/dynamo-sweep-store.ts";
import { makeDynamoTriggerStore } from "../../shared/store/dynamo-trigger-store.ts";
import type { DeliveryRef, Key, OutboxRef } from "../../shared/store/keys.ts";
import type { DeliveryHint, PoolOffer, Queues, Tick } from "../../shared/store/queues.ts";
import type { ReportStore } from "../../shared/store/report-store.ts";
import type { Store } from "../../shared/store/store.ts";
import type { SweepStore } from "../../shared/store/sweep-store.ts";
import type { TriggerStore } from "../../shared/store/trigger-store.ts";
import type { AuditDeps } from "../../shared/usecases/audit.ts";
import type { SessionClaims } from "../../shared/usecases/lease-token.ts";
import type { SessionDeps } from "../../shared/usecases/open-session.ts";
import { PIPELINES_HERE } from "../../shared/usecases/pipelines.ts";
import type { TriggerDeps } from "../../shared/usecases/trigger-deps.ts";
import { makeForgeStores } from "../sim/world/forge/forge-stores.ts";
import { makeSimIndex } from "../sim/world/sim-index.ts";
import { makeSimStore } from "../sim/world/sim-store.ts";
import { makeSimTable } from "../sim/world/sim-table.ts";
import { type FakeRepository, forgeOf } from "./fake-forge.ts";
import { memorySecrets } from "./memory-secrets.ts";
import { tableClient } from "./table-client.ts";

/** The control plane's use cases on the real DynamoDB engine, with a clock that the test moves and queues that it reads. */
export interface World {
  readonly deps: TriggerDeps & AuditDeps & SessionDeps & { readonly reports: ReportStore };
  readonly sweeps: SweepStore;
  /** An item as it stands. */
  read(key: Key): Promise<Item | undefined>;
  /** Writes it as no move would. */
  write(item: Item & Key): Promise<void>;
  readonly client: DynamoDBDocumentClient;
  readonly clock: { nowMs: number };
  /** What was sent, in order; nothing is delivered by itself. */
  readonly sent: {
    offers: PoolOffer[];
    ticks: (Tick & { delayMs: number })[];
    plans: { tenant: string; runId: string }[];
    deliveries: DeliveryRef[];
    postponed: { delivery: DeliveryHint; delayMs: number }[];
    reports: { ref: OutboxRef; delayMs: number }[];
  };
  readonly objects: Map<string, string>;
  /** Values by path. */
  readonly secrets: Map<string, string>;
  /** What the forge has, by owner and name. */
  readonly repositories: Map<string, FakeRepository>;
  readonly counted: Map<string, number>;
  stop(): Promise<void>;
}

const START_MS = Date.UTC(2026, 0, 1);
const REGION = { region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } };

export async function startWorld(pools: readonly string[] = ["default", "gpu"]): Promise<World> {
  const engine = await startDynamoEngine(findDynamoEngine(process.platform, process.arch), undefined);
  const plain = new DynamoDBClient({ ...REGION, ...tableClient(engine.reach), maxAttempts: 1 });
  await createTable(plain);
  const client = toDocumentClient(plain);
  const tables = process.env["BATON_TEST_TABLE"] === "simulated" ? simulatedTables() : tablesOf(client);
  const clock = { nowMs: START_MS };
  const sent: World["sent"] = { offers: [], ticks: [], plans: [], deliveries: [], postponed: [], reports: [] };
  const objects = new Map<string, string>();
  const secrets = new Map<string, string>();
  const repositories = new Map<string, FakeRepository>();
  const counted = new Map<string, number>();
  const deps: World["deps"] = {
    store: tables.store,
    projects: makeDynamoProjectStore(client, TABLE_NAME),
    audit: makeDynamoAuditStore(client, TABLE_NAME),
    runners: makeDynamoRunnerStore(client, TABLE_NAME),
    secrets: memorySecrets(secrets),
    forgeHosts: ["api.github.com"],
    forge: forgeOf(repositories),
    triggers: tables.triggers,
    reports: tables.reports,
    sendDelivery: async (delivery, delayMs) =>
      void (delayMs === undefined ? sent.deliveries.push(delivery) : sent.postponed.push({ delivery, delayMs })),
    queues: recordingQueues(sent),
    bucket: memoryBucket(objects),
    clock: { nowMs: () => clock.nowMs, monotonicMs: () => clock.nowMs },
    random: { ulid: (nowMs) => ulid(nowMs).toLowerCase(), secret: () => "s".repeat(43) },
    signer: makeSigner([Buffer.alloc(32, 7)]),
    log: { info: () => undefined, warn: () => undefined },
    metrics: {
      count: (name, value = 1) => void counted.set(name, (counted.get(name) ?? 0) + value),
      timing: () => undefined,
    },
    readDefinition: async () => {
      throw new Error("no source in this world");
    },
    pipelines: PIPELINES_HERE,
    settings: {
      tenant: "main",
      pools,
      offerCopies: 1,
      poolQueueUrl: (pool) => `http://queues.test/${pool}`,
      runnerSqs: {
        region: "us-east-1",
        credentialsFor: async () => ({ credentials: { accessKeyId: "x", secretAccessKey: "x" } }),
      },
    },
  };
  return {
    deps,
    sweeps: tables.sweeps,
    read: tables.read,
    write: tables.write,
    client,
    clock,
    sent,
    objects,
    secrets,
    repositories,
    counted,
    async stop() {
      client.destroy();
      plain.destroy();
      await engine.stop();
    },
  };
}

interface Tables extends Pick<World, "sweeps" | "read" | "write"> {
  readonly store: Store;
  readonly triggers: TriggerStore;
  readonly reports: ReportStore;
}

function tablesOf(client: DynamoDBDocumentClient): Tables {
  return {
    store: makeDynamoStore(client, TABLE_NAME),
    triggers: makeDynamoTriggerStore(client, TABLE_NAME),
    reports: makeDynamoReportStore(client, TABLE_NAME),
    sweeps: makeDynamoSweepStore(client, TABLE_NAME),
    async read(key) {
      const answer = await client.send(
        new GetCommand({ TableName: TABLE_NAME, Key: { ...key }, ConsistentRead: true }),
      );
      return answer.Item;
    },
    write: async (item) => void (await client.send(new PutCommand({ TableName: TABLE_NAME, Item: item }))),
  };
}

/**
 * The simulator's table, which test/contract/table.test.ts holds to the engine: for `npm run mutants`, where the same
 * tests run thousands of times. Projects, runners and the audit stay on the engine.
 */
function simulatedTables(): Tables {
  const table = makeSimTable();
  const index = makeSimIndex(table, { nowMs: () => 0, lagMs: () => 0 });
  const request = async <T>(_operation: string, effect: () => T) => effect();
  return {
    ...makeForgeStores(table, index, request, () => []),
    store: makeSimStore(table, index, request),
    read: async (key) => table.get(key),
    write: async (item) => void table.edit(item, () => item),
  };
}

function recordingQueues(sent: World["sent"]): Queues {
  return {
    sendOffers: async (offers) => void sent.offers.push(...offers),
    sendTick: async (tick, delayMs) => void sent.ticks.push({ ...tick, delayMs }),
    sendPlan: async (plan) => void sent.plans.push(plan),
    sendReport: async (ref, delayMs) => void sent.reports.push({ ref, delayMs }),
    visibleOffers: async () => 0,
    ping: async () => undefined,
  };
}

function memoryBucket(objects: Map<string, string>): Bucket {
  return {
    put: async (key, body) => void objects.set(key, body),
    get: async (key, bytesMax) => {
      const found = objects.get(key);
      return found === undefined || Buffer.byteLength(found) > bytesMax ? undefined : Buffer.from(found);
    },
    signPut: async ({ key }) => ({ method: "PUT", url: `http://bucket.test/${key}`, headers: {} }),
    signGet: async (key) => ({ method: "GET", url: `http://bucket.test/${key}`, headers: {} }),
    list: async (prefix, afterKey, limit) =>
      [...objects.keys()]
        .filter((key) => key.startsWith(prefix) && key > (afterKey ?? ""))
        .sort()
        .slice(0, limit)
        .map((key) => ({ key, bytes: objects.get(key)?.length ?? 0 })),
    ping: async () => undefined,
  };
}

/** A runner's session for the pools. */
export function sessionOf(name: string, pools: readonly string[] = ["default"]): SessionClaims {
  return { tenant: "main", runnerId: `rnr_${name}`, name, pools: [...pools], expiresAtMs: Number.MAX_SAFE_INTEGER };
}
