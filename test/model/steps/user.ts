import { isRunEnded } from "../../../shared/domain/verdict.ts";
import { retriesAtBirth } from "../../../shared/usecases/retries-at-birth.ts";
import { bearGroup, plannedJob } from "../birth.ts";
import type { Group, State } from "../state.ts";
import { holdsOr } from "../violation.ts";
import type { Context } from "../world.ts";
import { jobOf, writeRun } from "../write.ts";
import { type Emit, withGroup } from "./step.ts";

/** What people ask for, while they still may: to cancel a run, and to run again what did not succeed. */
export function user(context: Context, state: State, emit: Emit): void {
  state.groups.forEach((group, at) => {
    if (state.cancelsLeft > 0) cancel(context, state, group, at, emit);
  });
  const last = state.groups.at(-1);
  if (state.rerunsLeft > 0 && last !== undefined && isRunEnded(last.run.state)) rerun(context, state, last, emit);
}

function cancel(context: Context, state: State, group: Group, at: number, emit: Emit): void {
  const { nowMs } = state;
  const args = { nowMs, reason: "canceled by request", wakeAtMs: nowMs };
  const next = writeRun(context, group, { move: "cancel", args });
  if (next === undefined) return;
  emit({ ...withGroup(state, at, next), cancelsLeft: state.cancelsLeft - 1 }, () => "somebody cancels the run");
}

/** A rerun of what failed (shared/usecases/rerun-run.ts): born from the old items as they stand. */
function rerun(context: Context, state: State, old: Group, emit: Emit): void {
  const { world, rules } = context;
  const kept = old.jobs.filter((job) => job.state === "succeeded");
  if (kept.length === old.jobs.length) return;
  const plan = world.jobs.map((job) => {
    const item = jobOf(old, job.id);
    const retries = rules.wholeBudget ? retriesAtBirth(item) : { ...item.left };
    const planned = job.retries ?? { failed: 0, lost: 0 };
    holdsOr(
      14,
      retries.failed === planned.failed && retries.lost === planned.lost,
      () => `a rerun gives ${job.id} ${retries.failed} + ${retries.lost} retries; its plan says other`,
    );
    return plannedJob(world, job, retries);
  });
  const inherited = new Map(kept.map((job) => [job.jobId, job]));
  const born = bearGroup(world, plan, `run_${state.groups.length + 1}`, state.nowMs, inherited);
  const next = { ...state, groups: [...state.groups, born], rerunsLeft: state.rerunsLeft - 1 };
  emit(next, () => "somebody reruns what did not succeed");
}
