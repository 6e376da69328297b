import { chooseCancel, chooseTimeout } from "../domain/choose-job-move.ts";
import { STOP_GRACE_MS } from "../domain/limits.ts";
import { isJobEnded } from "../domain/verdict.ts";
import { eachOf } from "../lib/each-of.ts";
import type { JobItem } from "../store/items.ts";
import { jobKey } from "../store/keys.ts";
import type { Cause } from "../store/store.ts";
import { applyChosen } from "./apply-chosen.ts";
import type { Deps } from "./deps.ts";
import { settle } from "./settle.ts";

const WIDTH = 8;

/** Ends each job: at once where nobody holds it; through its holder, or the expiry of its lease, otherwise. */
export async function cancelJobs(deps: Deps, jobs: readonly JobItem[], cause: Cause): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const stopped = await eachOf(jobs, WIDTH, (job) => stopJob(deps, job, "cancel", nowMs, cause));
  await settle(deps, stopped.filter((job) => job !== undefined && isJobEnded(job.state)) as JobItem[], cause);
}

/** Asks one job to stop. Returns it if this call moved it. */
export async function stopJob(
  deps: Deps,
  job: JobItem,
  reason: "cancel" | "timeout" | "superseded",
  nowMs: number,
  cause: Cause,
): Promise<JobItem | undefined> {
  const choose = reason === "timeout" ? chooseTimeout(job.fence) : chooseCancel;
  const stop = { reason, atMs: nowMs, deadlineMs: nowMs + STOP_GRACE_MS };
  let fence = job.fence;
  const { applied, item } = await applyChosen(
    deps,
    jobKey(job),
    (seen) => {
      fence = seen?.fence ?? fence;
      return choose(seen);
    },
    () => ({ nowMs, fence, stop, reason: cause.reason ?? reason, result: { fence, outcome: "canceled" } }),
    cause,
    job,
  );
  return applied ? item : undefined;
}
