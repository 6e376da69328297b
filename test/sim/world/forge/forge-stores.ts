import type { FunctionDeps } from "../../../../functions/deps.ts";
import { retryRequest } from "../../../../shared/store/dynamo-retry.ts";
import type { ProjectItem } from "../../../../shared/store/items.ts";
import {
  closingKey,
  DELIVERIES_SHARD,
  HEAD_RANGE,
  type Key,
  outboxKey,
  type Range,
  REPORTS_SHARD,
  SCHEDULE_RANGE,
  statusKey,
  sweepKey,
  TAGS_RANGE,
} from "../../../../shared/store/keys.ts";
import type { ReportDeps } from "../../../../shared/usecases/report-deps.ts";
import type { SweepDeps } from "../../../../shared/usecases/sweep-deps.ts";
import type { SimIndex } from "../sim-index.ts";
import { makeParse, type Request } from "../sim-store.ts";
import type { SimTable } from "../sim-table.ts";

/** What concerns projects, on the simulated table: the same reads as on DynamoDB (`shared/store/dynamo-*-store.ts`). */
export type ForgeStores = Pick<FunctionDeps, "projects" | "triggers"> &
  Pick<ReportDeps, "reports"> &
  Pick<SweepDeps, "sweeps">;

export function makeForgeStores(
  table: SimTable,
  index: SimIndex,
  request: Request,
  projects: () => readonly ProjectItem[],
): ForgeStores {
  const parse = makeParse();
  const ask = <T>(operation: string, effect: () => T) => retryRequest(() => request(operation, effect));

  async function get<T>(key: Key): Promise<T | undefined> {
    const item = await ask(`GetItem ${key.sk}`, () => table.get(key));
    return item === undefined ? undefined : (parse(item) as T);
  }
  async function list<T>(pk: string, { from, to }: Range): Promise<T[]> {
    return (await ask(`Query ${from}`, () => table.query(pk, from, to))).map((item) => parse(item) as T);
  }
  const due = (shard: string, untilMs: number, limit: number) =>
    ask(`Query due ${shard}`, () => index.due(shard, untilMs, limit));

  /** What was written since the world began: a repository's id, and its new name. */
  const changed = new Map<string, ProjectItem>();
  const all = () => projects().map((one) => changed.get(one.name) ?? one);

  return {
    projects: {
      getProject: (_tenant, name) => ask("GetItem project", () => all().find((one) => one.name === name)),
      listProjects: () => ask("Query projects", all),
      addProject: async () => "full",
      changeProject: (item, seen) =>
        ask("TransactWriteItems project", () => {
          if (all().find(({ name }) => name === item.name)?.updatedAtMs !== seen.updatedAtMs) return "changed";
          changed.set(item.name, item);
          return "done";
        }),
      removeProject: async () => false,
    },
    triggers: {
      getDelivery: get,
      getDecided: get,
      getAbsence: get,
      getRef: get,
      async lastClosing(pull, untilMs) {
        const { pk, sk } = closingKey(pull, untilMs);
        const found = await ask("Query closings", () => table.query(pk, "", sk).at(-1));
        return found === undefined ? undefined : Number(found["closedAtMs"]);
      },
      dueDeliveries: (beforeMs, limit) => due(DELIVERIES_SHARD, beforeMs - 1, limit),
    },
    reports: {
      getOutbox: (ref) => get(outboxKey(ref)),
      getStatus: (ref) => get(statusKey(ref)),
      dueOutboxes: (beforeMs, limit) => due(REPORTS_SHARD, beforeMs - 1, limit),
    },
    sweeps: {
      due,
      ahead: (shard, afterMs, limit) => ask(`Query ahead ${shard}`, () => index.ahead(shard, afterMs, limit)),
      getHeads: get,
      listHeads: (pk) => list(pk, HEAD_RANGE),
      listTags: (pk) => list(pk, TAGS_RANGE),
      getSchedule: get,
      listSchedules: (pk) => list(pk, SCHEDULE_RANGE),
      getSweep: (tenant) => get(sweepKey(tenant)),
    },
  };
}
