import { dueActions } from "../../shared/usecases/due-actions.ts";
import type { Attempt, Group, State, Ticks } from "./state.ts";
import type { Context } from "./world.ts";
import { isCurrent, jobOf } from "./write.ts";

/**
 * What follows in every state by itself, so that it needs no step of its own. A reconciler has always just looked: what
 * it has seen it may write at any later time. An attempt that holds nothing and runs nothing is `spent`.
 */
export function normalize(context: Context, state: State): State {
  const groups = state.groups.map((group) => normalizeGroup(context, group, state.nowMs));
  return { ...state, groups, ticks: normalizeTicks(state) };
}

/** A tick that the chain has left behind may as well have been sent: any of those is like any other. */
function normalizeTicks({ ticks, groups }: State): Ticks | undefined {
  const seq = groups[0]?.run.tickSeq;
  if (ticks === undefined || seq === undefined) return ticks;
  const behind = ticks.owed.filter((one) => one < seq);
  if (behind.length === 0) return ticks;
  return { ...ticks, owed: ticks.owed.filter((one) => one >= seq), sent: [...new Set([...ticks.sent, ...behind])] };
}

function normalizeGroup(context: Context, group: Group, nowMs: number): Group {
  if (group.attempts.length === 0) return group;
  const seen = lookAt(context, group, nowMs);
  return { ...group, attempts: group.attempts.map((attempt) => normalizeAttempt(group, attempt, seen, nowMs)) };
}

/** The jobs on which the real reconciler finds an expired lease or a passed timeout. */
function lookAt(context: Context, group: Group, nowMs: number) {
  const expired = new Set<string>();
  const timedOut = new Set<string>();
  for (const action of dueActions({ ...group, joins: [] }, nowMs)) {
    if (action.kind === "expire" && (context.rules.expireStopping || action.job.state !== "stopping"))
      expired.add(action.job.jobId);
    if (action.kind === "timeout") timedOut.add(action.job.jobId);
  }
  return { expired, timedOut };
}

const GONE_MS = 0;

function normalizeAttempt(
  group: Group,
  attempt: Attempt,
  seen: { readonly expired: ReadonlySet<string>; readonly timedOut: ReadonlySet<string> },
  nowMs: number,
): Attempt {
  const { jobId, processes } = attempt;
  const current = isCurrent(jobOf(group, jobId), attempt);
  const fenced = attempt.fencedByMs < nowMs;
  const mayStart = processes === "none" && !fenced && (current || attempt.acked);
  if (!current && processes !== "running" && !mayStart) return spent(attempt);
  const expirySeen = attempt.expirySeen || (current && seen.expired.has(jobId));
  const timeoutSeen = attempt.timeoutSeen || (current && seen.timedOut.has(jobId));
  const given = processes === "none" && fenced ? ("over" as const) : processes;
  const alive = given === "none" || given === "running";
  return {
    ...attempt,
    expirySeen,
    timeoutSeen,
    processes: given,
    fencedByMs: alive || !attempt.told ? attempt.fencedByMs : GONE_MS,
  };
}

/** All that a holder, and a reconciler that once looked, could still say. The runner's name does not matter any more. */
function spent(attempt: Attempt): Attempt {
  if (attempt.processes === "spent") return attempt;
  return {
    ...attempt,
    told: true,
    acked: true,
    processes: "spent",
    fencedByMs: GONE_MS,
    expirySeen: true,
    timeoutSeen: true,
  };
}
