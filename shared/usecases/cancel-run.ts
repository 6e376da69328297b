import { DomainError } from "../domain/errors.ts";
import { FOLLOW_UPS_MAX } from "../domain/limits.ts";
import { runMoves } from "../domain/run-moves.ts";
import { isJobEnded } from "../domain/verdict.ts";
import type { RunItem } from "../store/items.ts";
import { type RunRef, runKey } from "../store/keys.ts";
import type { Cause } from "../store/store.ts";
import type { Deps } from "./deps.ts";
import { tickNow } from "./hints.ts";
import { closeRun } from "./settle.ts";
import { cancelJobs } from "./stop-jobs.ts";

/** Cancels a run in two phases: the run is marked, then each job is ended or asked to stop. Harmless on an ended run. */
export async function cancelRun(deps: Deps, ref: RunRef, cause: Cause): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const reason = cause.reason ?? "canceled by request";
  const { item } = await deps.store.apply(runMoves.cancel, runKey(ref), { nowMs, reason, wakeAtMs: nowMs }, cause);
  if (item === undefined) throw new DomainError("not_found", `there is no run ${ref.runId}`);
  await stopRun(deps, item, { ...cause, reason });
}

/**
 * The same for a newer push, which has its place in that turn. Changes nothing of a run that has kept its place since.
 * Returns the run as it is then.
 */
export async function supersedeRun(
  deps: Deps,
  ref: RunRef,
  newer: { readonly turn: number; readonly by: string },
  cause: Cause & { readonly reason: string },
): Promise<RunItem> {
  const nowMs = deps.clock.nowMs();
  const args = { nowMs, wakeAtMs: nowMs, reason: cause.reason, ...newer };
  const { item } = await deps.store.apply(runMoves.supersede, runKey(ref), args, cause);
  if (item === undefined) throw new DomainError("not_found", `there is no run ${ref.runId}`);
  await stopRun(deps, item, cause);
  return item;
}

async function stopRun(deps: Deps, item: RunItem, cause: Cause & { readonly reason: string }): Promise<void> {
  if (item.state !== "canceling") return;
  const { jobs } = await deps.store.getRunItems(item);
  const unfinished = jobs.filter((job) => !isJobEnded(job.state) && job.state !== "stopping");
  await cancelJobs(deps, unfinished.slice(0, FOLLOW_UPS_MAX), cause);
  if (item.open === undefined) await closeRun(deps, item, cause);
  if (unfinished.length > 0) await tickNow(deps, item);
}
