import { DUE_SHARDS, SWEEP_LAG_MS, SWEEP_RUNS_MAX } from "../domain/limits.ts";
import { eachOf } from "../lib/each-of.ts";
import { dueShard } from "../store/keys.ts";
import type { Deps } from "./deps.ts";

const WIDTH = 8;

/** Wakes runs whose tick was lost: sends one with the seq that the index shows. It reconciles nothing itself. */
export async function sweepRuns(deps: Deps): Promise<number> {
  const beforeMs = deps.clock.nowMs() - SWEEP_LAG_MS;
  const shards = Array.from({ length: DUE_SHARDS }, (_, shard) => dueShard(shard));
  const found = await Promise.all(
    shards.map((shard) => deps.store.dueRuns(shard, beforeMs, SWEEP_RUNS_MAX / DUE_SHARDS)),
  );
  const late = found.flat();
  await eachOf(late, WIDTH, ({ tenant, runId, tickSeq }) => deps.queues.sendTick({ tenant, runId, seq: tickSeq }, 0));
  if (late.length > 0) deps.metrics.count("RunsLate", late.length);
  deps.log.info("sweep", { late: late.length });
  return late.length;
}
