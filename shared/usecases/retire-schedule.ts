import { RETENTION_MS } from "../domain/limits.ts";
import { scheduleMoves } from "../domain/schedule-moves.ts";
import { ttlAt } from "../store/item-base.ts";
import type { ScheduleItem } from "../store/sweep-items.ts";
import type { SweepDeps } from "./sweep-deps.ts";

/** Ends a schedule; the database expires it later. */
export async function retireSchedule(deps: SweepDeps, schedule: ScheduleItem, reason: string): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const ttl = ttlAt(nowMs + RETENTION_MS);
  await deps.store.apply(scheduleMoves.retire, schedule, { nowMs, ttl }, { actor: "sweep", reason });
  const { project, pipelinePath, cron } = schedule;
  deps.log.info("a schedule ends", { project, pipeline: pipelinePath, cron, reason });
}
