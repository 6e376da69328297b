import { DomainError } from "../../../shared/domain/errors.ts";
import type { JobItem, RunItem } from "../../../shared/store/items.ts";
import { assertApproved } from "../../../shared/usecases/approve-run.ts";
import { dueActions } from "../../../shared/usecases/due-actions.ts";
import { FORK_SHA, OTHER_SHA, queueDeadlineOf } from "../birth.ts";
import type { Group, State } from "../state.ts";
import type { Context } from "../world.ts";
import { writeJob, writeRun } from "../write.ts";
import { type Emit, withGroup } from "./step.ts";

/**
 * Approvals (shared/usecases/approve-run.ts): of the run's commit or of another, at any moment and any number of times.
 * Who has approved admits the held jobs one by one, and so does a reconcile; either may die before any of these writes.
 * The approver's tick is sweep's (ticks.ts), which comes at any moment too.
 */
export function approve(context: Context, state: State, emit: Emit): void {
  if (!context.world.fork) return;
  state.groups.forEach((group, at) => {
    for (const sha of [FORK_SHA, OTHER_SHA]) {
      const args = { nowMs: state.nowMs, sha, by: "somebody" };
      const next = writeRun(context, group, { move: "approve", args });
      const which = sha === FORK_SHA ? "the run's commit" : "another commit";
      if (next !== undefined) emit(withGroup(state, at, next), () => `somebody approves ${which}`);
      if (context.rules.approverLooks && !isApproved(group.run, sha)) continue;
      admitAll({ context, state, group, at, emit }, group.jobs, `somebody who named ${which} admits`);
    }
    const due = dueActions({ ...group, joins: [] }, state.nowMs).filter(({ kind }) => kind === "admit");
    const seen = due.flatMap((action) => ("job" in action ? [action.job] : []));
    admitAll(
      { context, state, group, at, emit },
      context.rules.reconcileLooks ? seen : group.jobs,
      "a reconcile admits",
    );
  });
}

/** By the real look at the run. What it once said of a commit it says for ever, so that a late approver has seen no other. */
function isApproved(run: RunItem, sha: string): boolean {
  try {
    assertApproved(run, sha);
    return true;
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
}

interface One {
  readonly context: Context;
  readonly state: State;
  readonly group: Group;
  readonly at: number;
  readonly emit: Emit;
}

function admitAll({ context, state, group, at, emit }: One, jobs: readonly JobItem[], who: string): void {
  for (const job of jobs) {
    const next = admit(context, group, job, state.nowMs);
    if (next !== undefined) emit(withGroup(state, at, next), () => `${who} ${job.jobId}`);
  }
}

/** The write of admitJob (shared/usecases/settle.ts). */
export function admit(context: Context, group: Group, job: JobItem, nowMs: number): Group | undefined {
  const args = { nowMs, queueDeadlineMs: queueDeadlineOf(context.world, nowMs) };
  return writeJob(context, group, job, { move: "admit", args, nowMs });
}
