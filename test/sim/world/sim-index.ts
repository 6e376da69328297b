import type { Item } from "../../../shared/domain/item.ts";
import { type RunSummaryItem, runItemSchema, runSummarySchema } from "../../../shared/store/items.ts";
import type { Key } from "../../../shared/store/keys.ts";
import type { DueRun } from "../../../shared/store/store.ts";
import type { SimTable } from "./sim-table.ts";

/** The table's two indexes: they follow the items after a while, each item in the order of its writes. */
export interface SimIndex {
  dueRuns(shard: string, beforeMs: number, limit: number): DueRun[];
  /** Keys of one shard whose time has come by then, earliest first. */
  due(shard: string, untilMs: number, limit: number): Key[];
  /** Keys of one shard whose time comes later, furthest first. */
  ahead(shard: string, afterMs: number, limit: number): Key[];
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
    if (!isIndexed(after) && !versions.has(nameOf(key))) return;
    const known = versions.get(nameOf(key)) ?? [];
    const visibleAtMs = Math.max(time.nowMs() + time.lagMs(), known.at(-1)?.visibleAtMs ?? 0);
    known.push({ visibleAtMs, item: after });
    versions.set(nameOf(key), known);
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

  const ofShard = (shard: string, isDue: (wakeAtMs: number) => boolean) =>
    visible()
      .filter((item) => item["dueShard"] === shard && isDue(Number(item["wakeAtMs"])))
      .sort((a, b) => Number(a["wakeAtMs"]) - Number(b["wakeAtMs"]));

  const index: SimIndex = {
    dueRuns: (shard, beforeMs, limit) =>
      ofShard(shard, (wakeAtMs) => wakeAtMs < beforeMs)
        .slice(0, limit)
        .map((item) => dueKey.parse(item)),
    due: (shard, untilMs, limit) =>
      ofShard(shard, (wakeAtMs) => wakeAtMs <= untilMs)
        .slice(0, limit)
        .map(keyOf),
    ahead: (shard, afterMs, limit) =>
      ofShard(shard, (wakeAtMs) => wakeAtMs > afterMs)
        .reverse()
        .slice(0, limit)
        .map(keyOf),
    runsOfProject(projectKey, limit, cursor) {
      const runs = visible()
        .filter((item) => item["family"] === "run" && item["projectKey"] === projectKey)
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

/** Runs are in both indexes; of the others those that are due some day. */
const isIndexed = (item: Item) => item["family"] === "run" || item["dueShard"] !== undefined;
const nameOf = ({ pk, sk }: Key) => `${pk} ${sk}`;
const keyOf = ({ pk, sk }: Item): Key => ({ pk: String(pk), sk: String(sk) });

const dueKey = runItemSchema.pick({ tenant: true, runId: true, tickSeq: true });
