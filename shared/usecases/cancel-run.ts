import { DomainError } from "../domain/errors.ts";
import { FOLLOW_UPS_MAX } from "../domain/limits.ts";
import { runMoves } from "../domain/run-moves.ts";
import { isJobEnded } from "../domain/verdict.ts";
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
  if (item.state !== "canceling") return;
  const { jobs } = await deps.store.getRunItems(ref);
  const unfinished = jobs.filter((job) => !isJobEnded(job.state) && job.state !== "stopping");
  await cancelJobs(deps, unfinished.slice(0, FOLLOW_UPS_MAX), { ...cause, reason });
  if (item.open === undefined) await closeRun(deps, item, cause);
  if (unfinished.length > 0) await tickNow(deps, ref);
}
