import { LEASE_OVERTIME_MS } from "../../shared/domain/limits.ts";
import { isRunEnded } from "../../shared/domain/verdict.ts";
import type { CheckItem, JobItem, RunItem } from "../../shared/store/items.ts";
import { checkNode, jobNode } from "../../shared/store/keys.ts";
import type { Attempt, Group, State } from "./state.ts";
import type { World } from "./world.ts";

/**
 * What makes two states the same: all that a guard, an actor or an invariant can tell apart. Times are relative to now,
 * and those that are long past are one; history, names of claims and ended attempts are left out; jobs that the world
 * calls alike, and all runners, may change places.
 */
export function keyOf(world: World, state: State): string {
  const groups = state.groups.map((group) => groupKey(world, group, state.nowMs, true)).join("|");
  return `${groups}~${state.cancelsLeft}${state.rerunsLeft}${tickKey(state)}`;
}

/** The table's part alone: all actors are gone. */
export function tableKey(world: World, group: Group, nowMs: number): string {
  return groupKey(world, group, nowMs, false);
}

function groupKey(world: World, group: Group, nowMs: number, actors: boolean): string {
  const { run } = group;
  const apart = [];
  const alike = [];
  for (const job of group.jobs) {
    const key = jobKeyIn(world, group, job, nowMs, actors);
    if (world.alike?.includes(job.jobId)) alike.push(key);
    else apart.push(key);
  }
  alike.sort();
  const checks = group.checks.map((check) => checkKeyIn(group, check)).join(",");
  const deadline = world.runDeadlineMs === undefined ? "" : sinceStale(world, nowMs, run.hardDeadlineMs);
  const fork = world.fork ? forkKeyIn(run, nowMs) : "";
  const seenOut = isRunEnded(run.state) && run.wakeAtMs !== undefined && run.dueShard !== undefined ? "o" : "";
  return `${run.state}${seenOut}${fork}${run.tally.failed}${run.tally.lost}${deadline};${apart.join(";")};${alike.join(";")};${checks}`;
}

/** Whether it is approved, and when sweep looks at it: parked runs are all alike. */
function forkKeyIn({ approval, wakeAtMs, dueShard, hardDeadlineMs }: RunItem, nowMs: number): string {
  const parked = wakeAtMs === hardDeadlineMs;
  const wake = wakeAtMs === undefined || dueShard === undefined ? "never" : parked ? "parked" : since(nowMs, wakeAtMs);
  return `${approval?.atMs === undefined ? "w" : "a"}${wake}`;
}

function jobKeyIn(world: World, group: Group, job: JobItem, nowMs: number, actors: boolean): string {
  const { state, fence, left, lease, stop, jobId } = job;
  const open = group.run.open?.has(jobNode(jobId)) ? "o" : "";
  const told = group.jobs.map((one) => one.resolved[jobId]?.[0] ?? "-").join("");
  const answered = group.checks.map((one) => one.resolved[jobId]?.[0] ?? "-").join("");
  const parts = [state, fence, left.failed, left.lost, open, told, answered];
  if (lease !== undefined) {
    parts.push(sinceStale(world, nowMs, lease.expiresAtMs), Object.keys(job.attempts[String(fence)] ?? {}).length);
    if (lease.claimId !== job.attempts[String(fence)]?.claimId) parts.push("!");
    if (world.jobTimeoutMs !== undefined && state !== "stopping")
      parts.push("t", since(nowMs, lease.grantedAtMs + job.timeoutMs + LEASE_OVERTIME_MS / 2));
  }
  if (stop !== undefined) parts.push(stop.reason, sinceStale(world, nowMs, stop.deadlineMs));
  if (state === "queued") {
    parts.push("q", Math.min(world.staleMs, nowMs - (job.queuedAtMs ?? 0)));
    if (world.queueTimeoutMs !== undefined) parts.push(since(nowMs, job.queueDeadlineMs ?? 0));
  }
  if (world.reruns > 0) {
    const ends = Object.values(job.attempts).map(({ end }) => end?.outcome ?? "-");
    parts.push(job.reason === undefined ? "" : "r", ...ends);
  }
  if (actors)
    for (const attempt of group.attempts) if (attempt.jobId === jobId) parts.push(attemptKey(world, attempt, nowMs));
  return parts.join(" ");
}

function attemptKey(world: World, attempt: Attempt, nowMs: number): string {
  const { fence, told, acked, processes, fencedByMs, expirySeen, timeoutSeen } = attempt;
  if (processes === "spent") return `${fence}s`;
  const marks = `${told ? "t" : ""}${acked ? "a" : ""}${expirySeen ? "e" : ""}${timeoutSeen ? "o" : ""}`;
  const age = Math.min(world.staleMs, nowMs - attempt.grantedAtMs);
  return `${fence}${marks}${processes}${since(nowMs, fencedByMs)}g${age}`;
}

function checkKeyIn(group: Group, check: CheckItem): string {
  const open = group.run.open?.has(checkNode(check.checkId)) ? "o" : "";
  return `${check.state}${check.remaining}${check.tally.failed}${check.tally.lost}${check.outcome ?? ""}${open}`;
}

function tickKey({ ticks, groups }: State): string {
  const seq = groups[0]?.run.tickSeq;
  if (ticks === undefined || seq === undefined) return "";
  const late = ticks.sent.some((one) => one !== seq);
  return `k${ticks.sent.includes(seq)}${late}${ticks.owed.includes(seq)}`;
}

/** The same for what a handler compares with a reading of its clock, which may be as old as the world allows. */
function sinceStale(world: World, nowMs: number, atMs: number): number | string {
  return atMs < nowMs && atMs <= nowMs - world.staleMs ? "p" : atMs - nowMs;
}

/** How far off a moment is; what is past is past, but for the moment itself: guards compare strictly. */
function since(nowMs: number, atMs: number): number | string {
  return atMs < nowMs ? "p" : atMs - nowMs;
}
