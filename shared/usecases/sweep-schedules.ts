import { SWEEP_BACKOFF_MAX_MS, SWEEP_BACKOFF_MS, SWEEP_SCHEDULES_MAX } from "../domain/limits.ts";
import { scheduleMoves } from "../domain/schedule-moves.ts";
import { eachApart } from "../lib/each-apart.ts";
import { latestDue, nextDueMs } from "../pipeline/cron.ts";
import type { ProjectItem } from "../store/items.ts";
import { headsPartition, type Key, SCHEDULES_SHARD } from "../store/keys.ts";
import type { ScheduleItem } from "../store/sweep-items.ts";
import { followRepository } from "./follow-repository.ts";
import { type BranchHead, ForgeError } from "./forge.ts";
import { retireSchedule } from "./retire-schedule.ts";
import { startTriggered } from "./start-triggered.ts";
import { headsRefOf, type IsOver, type SweepDeps } from "./sweep-deps.ts";

const WIDTH = 4;
const CAUSE = { actor: "sweep" };

/**
 * Fires the schedules that are due, the longest waiting first: of the due times that one missed, only the latest. One
 * whose forge fails is tried again later and keeps nobody from their turn; any other error is thrown when all had
 * theirs. Answers how many fired.
 */
export async function sweepSchedules(deps: SweepDeps, isOver: IsOver): Promise<number> {
  const nowMs = deps.clock.nowMs();
  const due = await deps.sweeps.due(SCHEDULES_SHARD, nowMs, SWEEP_SCHEDULES_MAX);
  const ahead = isRewindMinute(nowMs)
    ? await deps.sweeps.ahead(SCHEDULES_SHARD, nowMs + SWEEP_BACKOFF_MAX_MS, SWEEP_SCHEDULES_MAX)
    : [];
  return eachApart([...due, ...ahead], WIDTH, async (key) => !isOver() && (await fireSchedule(deps, key)));
}

/** Schedules that lie ahead are read once an hour: nearly all of them are right. */
function isRewindMinute(nowMs: number): boolean {
  const minuteMs = 60_000;
  return Math.floor(nowMs / minuteMs) % 60 === 0;
}

/** Where a clock was wrong when the times were written: no due time from now, and no other try, lies so far ahead. */
async function rewind(deps: SweepDeps, schedule: ScheduleItem, wakeAtMs: number, nowMs: number): Promise<void> {
  const dueAtMs = nextDueMs(schedule.cron, nowMs);
  if (dueAtMs === undefined || wakeAtMs <= Math.max(dueAtMs, nowMs + SWEEP_BACKOFF_MAX_MS)) return;
  const args = { nowMs, seenWakeAtMs: wakeAtMs, dueAtMs };
  await deps.store.apply(scheduleMoves.rewind, schedule, args, { ...CAUSE, reason: "the clock had been wrong" });
  deps.log.warn("a schedule lay too far ahead; it is counted from now", named({ ...schedule, dueAtMs }));
}

async function fireSchedule(deps: SweepDeps, key: Key): Promise<boolean> {
  const nowMs = deps.clock.nowMs();
  const schedule = await deps.sweeps.getSchedule(key);
  if (schedule?.state !== "active" || schedule.wakeAtMs === undefined) return false;
  if (schedule.wakeAtMs > nowMs) {
    await rewind(deps, schedule, schedule.wakeAtMs, nowMs);
    return false;
  }
  const project = await deps.projects.getProject(schedule.tenant, schedule.project);
  if (project === undefined || headsPartition(headsRefOf(project)) !== schedule.pk) {
    await retireSchedule(deps, schedule, "the project is gone or has another repository");
    return false;
  }
  const taken = await take(deps, schedule, nowMs);
  if (taken === undefined) return false;
  try {
    await start(deps, await followRepository(deps, project), taken);
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    deps.metrics.count("SweepFailed", 1, { part: "schedules" });
    deps.log.warn("a schedule could not fire; it is tried again", { ...named(taken), error: error.message });
    return false;
  }
  await moveOn(deps, taken);
  return true;
}

/** One sweep alone fires, and the latest due time alone is fired. Where this sweep dies, another tries again after the wait. */
async function take(deps: SweepDeps, schedule: ScheduleItem, nowMs: number): Promise<ScheduleItem | undefined> {
  const { dueAtMs, skipped } = latestDue(schedule.cron, schedule.dueAtMs, nowMs);
  const wakeAtMs = nowMs + Math.min(SWEEP_BACKOFF_MAX_MS, SWEEP_BACKOFF_MS * 2 ** schedule.tries);
  const args = { nowMs, seenWakeAtMs: schedule.wakeAtMs, dueAtMs, skipped, wakeAtMs };
  const { item } = await deps.store.apply(scheduleMoves.take, schedule, args, CAUSE);
  if (item?.state !== "active" || item.wakeAtMs !== wakeAtMs) return undefined;
  if (skipped > 0) {
    deps.metrics.count("SchedulesMissed", skipped);
    deps.log.warn("due times were missed; only the latest fires", { ...named(item), skipped });
  }
  return item;
}

async function start(deps: SweepDeps, project: ProjectItem, schedule: ScheduleItem): Promise<void> {
  const head = await headOf(deps, project, schedule.branch);
  if (head === undefined) {
    deps.log.warn("a schedule names a branch that is not there", { ...named(schedule), branch: schedule.branch });
    return;
  }
  const { pipelinePath, cron, dueAtMs } = schedule;
  const when = { occurredAtMs: dueAtMs, dueAtMs };
  await startTriggered(deps, project, { event: "schedule", ...head, pipelinePath, cron, ...when }, "schedule");
}

async function headOf(deps: SweepDeps, project: ProjectItem, branch?: string): Promise<BranchHead | undefined> {
  if (branch === undefined) return deps.forge.defaultBranch(project);
  const sha = await deps.forge.branchHead(project, branch);
  return sha === undefined ? undefined : { branch, sha };
}

async function moveOn(deps: SweepDeps, schedule: ScheduleItem): Promise<void> {
  const { dueAtMs } = schedule;
  const nextDueAtMs = nextDueMs(schedule.cron, dueAtMs);
  if (nextDueAtMs === undefined) return retireSchedule(deps, schedule, "it never comes due again");
  await deps.store.apply(scheduleMoves.fire, schedule, { nowMs: deps.clock.nowMs(), dueAtMs, nextDueAtMs }, CAUSE);
}

const named = ({ project, pipelinePath, cron, dueAtMs }: ScheduleItem) => ({
  project,
  pipeline: pipelinePath,
  cron,
  dueAt: new Date(dueAtMs).toISOString(),
});
