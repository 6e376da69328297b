import { ulid } from "ulid";
import { makeSigner } from "../../shared/lib/signed-token.ts";
import type { ProjectBody } from "../../shared/protocol/projects.ts";
import { projectBody } from "../../shared/protocol/projects.ts";
import { type AuditItem, type ProjectItem, type RunItem, runItemSchema } from "../../shared/store/items.ts";
import {
  closingKey,
  HEAD_RANGE,
  type Key,
  projectItemKey,
  SCHEDULE_RANGE,
  sweepKey,
  TAGS_RANGE,
} from "../../shared/store/keys.ts";
import {
  headItemSchema,
  headsItemSchema,
  type ScheduleItem,
  scheduleItemSchema,
  sweepItemSchema,
  tagsItemSchema,
} from "../../shared/store/sweep-items.ts";
import type { SweepStore } from "../../shared/store/sweep-store.ts";
import {
  absenceItemSchema,
  type ClosingItem,
  closingItemSchema,
  decidedItemSchema,
  deliveryItemSchema,
  refItemSchema,
} from "../../shared/store/trigger-items.ts";
import type { TriggerStore } from "../../shared/store/trigger-store.ts";
import { PIPELINES_HERE } from "../../shared/usecases/pipelines.ts";
import type { SweepDeps } from "../../shared/usecases/sweep-deps.ts";
import { makeSimIndex } from "../sim/world/sim-index.ts";
import { makeSimStore } from "../sim/world/sim-store.ts";
import { makeSimTable, type SimTable } from "../sim/world/sim-table.ts";
import { type FakeRepository, forgeOf, makeFakeRepository } from "./fake-forge.ts";
import { memorySecrets } from "./memory-secrets.ts";

/** The use cases around projects, on the simulated table and a forge in memory: fast enough for thousands of histories. */
export interface SweepWorld {
  readonly deps: SweepDeps;
  readonly clock: { nowMs: number };
  readonly table: SimTable;
  readonly repositories: Map<string, FakeRepository>;
  readonly counted: Map<string, number>;
  readonly audited: readonly AuditItem[];
  readonly logged: { message: string; fields: Readonly<Record<string, unknown>> }[];
  /** A project and its repository, which has no branch yet. */
  addProject(name: string, change?: Partial<ProjectBody>): { project: ProjectItem; repository: FakeRepository };
  removeProject(name: string): void;
  runs(): RunItem[];
  schedules(): ScheduleItem[];
  closings(): ClosingItem[];
}

export const START_MS = Date.UTC(2026, 0, 1);

export function makeSweepWorld(): SweepWorld {
  const clock = { nowMs: START_MS };
  const table = makeSimTable();
  const index = makeSimIndex(table, { nowMs: () => clock.nowMs, lagMs: () => 0 });
  const projects = new Map<string, ProjectItem>();
  const repositories = new Map<string, FakeRepository>();
  const counted = new Map<string, number>();
  const audited: AuditItem[] = [];
  const logged: SweepWorld["logged"] = [];
  const say = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    void logged.push({ message, fields });
  const itemsOf = (family: string) =>
    table.partitions().flatMap((pk) => table.query(pk, "", "~").filter((item) => item["family"] === family));
  const deps: SweepDeps = {
    store: makeSimStore(table, index, async (_operation, effect) => effect()),
    queues: {
      sendOffers: async () => undefined,
      sendTick: async () => undefined,
      sendPlan: async () => undefined,
      sendReport: async () => undefined,
      visibleOffers: async () => 0,
      ping: async () => undefined,
    },
    bucket: {
      put: async () => undefined,
      get: async () => Buffer.alloc(0),
      signPut: async ({ key }) => ({ method: "PUT", url: `http://bucket.test/${key}`, headers: {} }),
      signGet: async (key) => ({ method: "GET", url: `http://bucket.test/${key}`, headers: {} }),
      list: async () => [],
      ping: async () => undefined,
    },
    clock: { nowMs: () => clock.nowMs, monotonicMs: () => clock.nowMs },
    random: { ulid: (nowMs) => ulid(nowMs).toLowerCase(), secret: () => "s".repeat(43) },
    signer: makeSigner([Buffer.alloc(32, 7)]),
    log: { info: say, warn: say },
    metrics: {
      count: (name, value = 1) => void counted.set(name, (counted.get(name) ?? 0) + value),
      timing: () => undefined,
    },
    readDefinition: async () => {
      throw new Error("definitions come by the forge in this world");
    },
    pipelines: PIPELINES_HERE,
    settings: {
      tenant: "main",
      pools: ["default", "forks"],
      offerCopies: 1,
      poolQueueUrl: (pool) => `http://queues.test/${pool}`,
      runnerSqs: {
        region: "us-east-1",
        credentialsFor: async () => ({ credentials: { accessKeyId: "x", secretAccessKey: "x" } }),
      },
    },
    projects: {
      getProject: async (_tenant, name) => projects.get(name),
      listProjects: async () => [...projects.values()],
      addProject: async () => "exists",
      async changeProject(item, { updatedAtMs }) {
        if (projects.get(item.name)?.updatedAtMs !== updatedAtMs) return "changed";
        projects.set(item.name, item);
        return "done";
      },
      removeProject: async () => false,
    },
    audit: { append: async (item) => void audited.push(item), readDay: async () => ({ items: [...audited] }) },
    secrets: memorySecrets(),
    forgeHosts: ["api.github.com"],
    triggers: memoryTriggerStore(table),
    sendDelivery: async () => undefined,
    forge: forgeOf(repositories),
    sweeps: memorySweepStore(table),
  };
  return {
    deps,
    clock,
    table,
    repositories,
    counted,
    logged,
    audited,
    addProject(name, change = {}) {
      const body = projectBody.parse({ name, forge: { kind: "github", repository: `acme/${name}` }, ...change });
      const facts = { hasCloneToken: false, createdAtMs: clock.nowMs, updatedAtMs: clock.nowMs };
      const base = { ...projectItemKey("main", name), v: 1, tenant: "main", family: "project" } as const;
      const project: ProjectItem = { ...base, ...body, ...facts };
      projects.set(name, project);
      const repository = repositories.get(body.forge.repository) ?? makeFakeRepository();
      repositories.set(body.forge.repository, repository);
      return { project, repository };
    },
    removeProject: (name) => void projects.delete(name),
    runs: () => itemsOf("run").map((item) => runItemSchema.parse(item)),
    closings: () => itemsOf("closing").map((item) => closingItemSchema.parse(item)),
    schedules: () => itemsOf("schedule").map((item) => scheduleItemSchema.parse(item)),
  };
}

function memorySweepStore(table: SimTable): SweepStore {
  return {
    async due(shard, nowMs, limit) {
      return table
        .partitions()
        .flatMap((pk) => table.query(pk, "", "~"))
        .filter((item) => item["dueShard"] === shard && Number(item["wakeAtMs"]) <= nowMs)
        .sort((a, b) => Number(a["wakeAtMs"]) - Number(b["wakeAtMs"]))
        .slice(0, limit)
        .map(({ pk, sk }): Key => ({ pk: String(pk), sk: String(sk) }));
    },
    async ahead(shard, afterMs, limit) {
      return table
        .partitions()
        .flatMap((pk) => table.query(pk, "", "~"))
        .filter((item) => item["dueShard"] === shard && Number(item["wakeAtMs"]) > afterMs)
        .sort((a, b) => Number(b["wakeAtMs"]) - Number(a["wakeAtMs"]))
        .slice(0, limit)
        .map(({ pk, sk }): Key => ({ pk: String(pk), sk: String(sk) }));
    },
    getHeads: async (key) => headsItemSchema.optional().parse(table.get(key)),
    listHeads: async (pk) => table.query(pk, HEAD_RANGE.from, HEAD_RANGE.to).map((item) => headItemSchema.parse(item)),
    listTags: async (pk) => table.query(pk, TAGS_RANGE.from, TAGS_RANGE.to).map((item) => tagsItemSchema.parse(item)),
    getSchedule: async (key) => scheduleItemSchema.optional().parse(table.get(key)),
    listSchedules: async (pk) =>
      table.query(pk, SCHEDULE_RANGE.from, SCHEDULE_RANGE.to).map((item) => scheduleItemSchema.parse(item)),
    getSweep: async (tenant) => sweepItemSchema.optional().parse(table.get(sweepKey(tenant))),
  };
}

function memoryTriggerStore(table: SimTable): TriggerStore {
  return {
    getDelivery: async (key) => deliveryItemSchema.optional().parse(table.get(key)),
    getDecided: async (key) => decidedItemSchema.optional().parse(table.get(key)),
    getAbsence: async (key) => absenceItemSchema.optional().parse(table.get(key)),
    getRef: async (key) => refItemSchema.optional().parse(table.get(key)),
    async lastClosing(pull, untilMs) {
      const { pk, sk } = closingKey(pull, untilMs);
      return closingItemSchema.optional().parse(table.query(pk, "", sk).at(-1))?.closedAtMs;
    },
    dueDeliveries: async () => [],
  };
}
