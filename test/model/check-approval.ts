import type { RunItem } from "../../shared/store/items.ts";
import { waitsForApproval } from "../../shared/usecases/births.ts";
import type { Group } from "./state.ts";
import { holdsOr } from "./violation.ts";

/** Invariant 22: nothing of a fork's commit runs before somebody has approved that very commit (SECURITY 19). */

/** How a job may stand while nobody has approved its run: not free, not held by a runner, and never so before. */
const HELD_BACK = ["held", "waiting", "canceled", "skipped"];

/** Looked at in every state, whichever write led there. */
export function checkHeldBack({ run, jobs }: Group): void {
  if (!waitsForApproval(run)) return;
  for (const { jobId, state, fence } of jobs)
    holdsOr(
      22,
      HELD_BACK.includes(state) && fence === 0,
      () => `job ${jobId} is ${state} at fence ${fence}, and nobody has approved the commit of its run`,
    );
}

/** An approval is of one commit, and is given once. */
export function checkApproval(before: RunItem, after: RunItem, sha: string): void {
  holdsOr(
    22,
    before.approval?.sha === sha && after.approval?.sha === sha,
    () =>
      `somebody approved commit ${sha.slice(0, 7)}, and a run of commit ${before.approval?.sha.slice(0, 7)} took it`,
  );
  holdsOr(22, before.approval?.atMs === undefined, () => "the run was approved, and was approved again");
}
