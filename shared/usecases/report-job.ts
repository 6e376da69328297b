import { entryOf } from "../domain/entry.ts";
import { isJobEnded } from "../domain/verdict.ts";
import { printDuration } from "../pipeline/duration.ts";
import type { AttemptEnd, JobItem } from "../store/items.ts";
import type { ForgeStatus } from "./forge.ts";
import { plainLine } from "./report-text.ts";

/** How one job looks in a forge. */

export type Conclusion = NonNullable<ForgeStatus["conclusion"]>;

/** One status, before its text is made. */
export interface Picture {
  readonly state: ForgeStatus["state"];
  readonly conclusion?: Conclusion;
  readonly title: string;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
}

/** `approval` is the command that admits a held job, where its run waits for one. */
export function pictureOfJob(job: JobItem, approval: string | undefined): Picture {
  const times = timesOf(job);
  if (isJobEnded(job.state)) return { state: "completed", ...endOf(job), ...times };
  if (job.state === "held" && approval !== undefined)
    return { state: "completed", conclusion: "action_required", title: `Waits for approval: ${approval}` };
  const attempts = Object.keys(job.attempts).length;
  // A forge does not show what had begun as waiting again.
  return { state: attempts === 0 ? "queued" : "in_progress", title: standOf(job, attempts), ...times };
}

function standOf(job: JobItem, attempts: number): string {
  const again = attempts > 1 ? `, attempt ${attempts}` : "";
  switch (job.state) {
    case "waiting":
      return "Waits for what it needs";
    case "held":
      return "Held";
    case "queued":
      return attempts === 0 ? "Waits for a runner" : "Waits for a runner again";
    case "stopping":
      return "Stops";
    default:
      return `Runs${again}`;
  }
}

function timesOf(job: JobItem): { startedAtMs?: number; endedAtMs?: number } {
  const starts = Object.values(job.attempts).flatMap(({ startedAtMs }) => startedAtMs ?? []);
  return {
    ...(starts.length === 0 ? {} : { startedAtMs: Math.min(...starts) }),
    ...(job.endedAtMs === undefined ? {} : { endedAtMs: job.endedAtMs }),
  };
}

/** The end of the attempt that the job's result names. */
export function resultOf(job: JobItem): AttemptEnd | undefined {
  return job.result === undefined ? undefined : entryOf(job.attempts, String(job.result.fence))?.end;
}

function endOf(job: JobItem): { readonly title: string; readonly conclusion: Conclusion } {
  const reason = job.reason === undefined ? "" : `: ${job.reason}`;
  const allowed = job.allowFailure ? ", which is allowed" : "";
  switch (job.state) {
    case "succeeded":
      return { conclusion: "success", title: `Passed${tookOf(job)}` };
    case "failed":
      return {
        conclusion: job.allowFailure ? "neutral" : "failure",
        title: plainLine(`Failed${allowed}${failureOf(job)}`),
      };
    case "timed_out":
      return { conclusion: job.allowFailure ? "neutral" : "timed_out", title: `Timed out${allowed}` };
    case "lost":
      return {
        conclusion: job.allowFailure ? "neutral" : "cancelled",
        title: plainLine(`Infrastructure: the job was lost${allowed}${reason || lossOf(job)}`),
      };
    case "skipped":
      return skippedOf(job, reason);
    default:
      return { conclusion: "cancelled", title: plainLine(`Canceled${reason}`) };
  }
}

/**
 * Forges take `skipped` for passed. That is right for a job that nobody needed; of one that could not run because what
 * it needs did not pass, it would let through what was never tested.
 */
function skippedOf(job: JobItem, reason: string) {
  const blocked = Object.values(job.resolved).some((outcome) => outcome !== "passed");
  return blocked
    ? ({ conclusion: "cancelled", title: plainLine(`Not run${reason}`) } as const)
    : ({ conclusion: "skipped", title: plainLine(`Not needed${reason}`) } as const);
}

function tookOf(job: JobItem): string {
  if (job.inheritedFrom !== undefined) return " in an earlier run";
  const { startedAtMs, endedAtMs } = timesOf(job);
  return startedAtMs === undefined || endedAtMs === undefined ? "" : ` in ${printDuration(endedAtMs - startedAtMs)}`;
}

/** What failed, where its last attempt got so far as to know. */
function lossOf(job: JobItem): string {
  const failure = resultOf(job)?.failure;
  return failure === undefined ? "" : `: ${failure.message}`;
}

function failureOf(job: JobItem): string {
  const end = resultOf(job);
  const step = end?.failure?.step === undefined ? "" : ` in ${end.failure.step}`;
  if (end?.failure !== undefined && end.failure.class !== "user")
    return `${step} (${end.failure.class}): ${end.failure.message}`;
  return end?.exitCode === undefined ? step : `${step} with exit code ${end.exitCode}`;
}
