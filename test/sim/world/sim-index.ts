import type { Item } from "../../../shared/domain/item.ts";
import { type RunSummaryItem, runItemSchema, runSummarySchema } from "../../../shared/store/items.ts";
import type { DueRun } from "../../../shared/store/store.ts";
import type { SimTable } from "./sim-table.ts";

/** The table's two indexes: they follow the items after a while, each item in the order of its writes. */
export interface SimIndex {
  dueRuns(shard: string, beforeMs: number, limit: number): DueRun[];
  runsOfProject(
    projectKey: string,
    limit: number,
    cursor: string | undefined,
  ): { runs: RunSummaryItem[]; cursor?: string };
}

interface Version {
  readonly visibleAtMs: number;
  readonly item: Item;
}

/** `lagMs` tells for each write how long the indexes show what was before it. */
export function makeSimIndex(table: SimTable, time: { readonly nowMs: () => number; readonly lagMs: () => number }) {
  const versions = new Map<string, Version[]>();
  table.watch(({ key, after }) => {
    if (after["family"] !== "run") return;
    const known = versions.get(key.pk) ?? [];
    const visibleAtMs = Math.max(time.nowMs() + time.lagMs(), known.at(-1)?.visibleAtMs ?? 0);
    known.push({ visibleAtMs, item: after });
    versions.set(key.pk, known);
  });

  function visible(): Item[] {
    const nowMs = time.nowMs();
    const seen: Item[] = [];
    for (const all of versions.values()) {
      const at = all.findLastIndex((version) => version.visibleAtMs <= nowMs);
      if (at > 0) all.splice(0, at);
      const [newest] = all;
      if (at >= 0 && newest !== undefined) seen.push(newest.item);
    }
    return seen;
  }

  const index: SimIndex = {
    dueRuns(shard, beforeMs, limit) {
      return visible()
        .filter((item) => item["dueShard"] === shard && Number(item["wakeAtMs"]) < beforeMs)
        .sort((a, b) => Number(a["wakeAtMs"]) - Number(b["wakeAtMs"]))
        .slice(0, limit)
        .map((item) => dueKey.parse(item));
    },
    runsOfProject(projectKey, limit, cursor) {
      const runs = visible()
        .filter((item) => item["projectKey"] === projectKey)
        .map((item) => runSummarySchema.parse(item))
        .sort((a, b) => (a.runId < b.runId ? 1 : -1))
        .filter(({ runId }) => cursor === undefined || runId < cursor)
        .slice(0, limit);
      const last = runs.at(-1)?.runId;
      return last === undefined || runs.length < limit ? { runs } : { runs, cursor: last };
    },
  };
  return index;
}

const dueKey = runItemSchema.pick({ tenant: true, runId: true, tickSeq: true });
