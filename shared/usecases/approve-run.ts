import { DomainError } from "../domain/errors.ts";
import { FOLLOW_UPS_MAX } from "../domain/limits.ts";
import { runMoves } from "../domain/run-moves.ts";
import { isRunEnded } from "../domain/verdict.ts";
import { eachOf } from "../lib/each-of.ts";
import type { RunItem } from "../store/items.ts";
import { type RunRef, runKey } from "../store/keys.ts";
import type { Deps } from "./deps.ts";
import { chainTick, hintReport, offerJobs } from "./hints.ts";
import { admitJob } from "./settle.ts";

const WIDTH = 8;

/**
 * Lets a held run start, where `sha` is its commit exactly: an approval is of what somebody has read, and not of what
 * was pushed meanwhile (SECURITY 19). Approving again changes nothing. A crash after the first write is made good by
 * reconcile, which admits the jobs of an approved run. Throws `not_found`, or `conflict` where there is nothing to approve.
 */
export async function approveRun(deps: Deps, ref: RunRef, sha: string, by: string): Promise<RunItem> {
  const nowMs = deps.clock.nowMs();
  const { item } = await deps.store.apply(runMoves.approve, runKey(ref), { nowMs, sha, by }, { actor: by });
  if (item === undefined) throw new DomainError("not_found", `there is no run ${ref.runId}`);
  assertApproved(item, sha);
  const { jobs } = await deps.store.getRunItems(ref);
  const held = item.planDigest === undefined ? [] : jobs.filter((job) => job.state === "held");
  const admitted = await eachOf(held.slice(0, FOLLOW_UPS_MAX), WIDTH, (job) => admitJob(deps, job, { actor: by }));
  await Promise.all([
    offerJobs(
      deps,
      admitted.filter((job) => job !== undefined),
    ),
    chainTick(deps, item),
    hintReport(deps, item),
  ]);
  return item;
}

/** Throws `conflict` where the run that is seen is not approved, of this very commit. Only after it may a job be admitted. */
export function assertApproved(run: RunItem, sha: string): void {
  if (run.approval === undefined) throw new DomainError("conflict", `run ${run.runId} needs no approval`);
  if (run.approval.sha !== sha) {
    const message = `run ${run.runId} is of commit ${run.approval.sha}, not of ${sha}: look at that commit, and approve it`;
    throw new DomainError("conflict", message, { sha: run.approval.sha });
  }
  if (run.approval.atMs !== undefined) return;
  const why = isRunEnded(run.state) ? "has ended" : "is being canceled";
  throw new DomainError("conflict", `run ${run.runId} ${why}: there is nothing to approve any more`);
}
