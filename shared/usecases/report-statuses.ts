import { REPORT_CHECKS_MAX } from "../domain/limits.ts";
import { isJobEnded, isRunEnded, needOutcomeOf } from "../domain/verdict.ts";
import type { CheckItem, JobItem, RunItem, RunItems } from "../store/items.ts";
import { waitsForApproval } from "./births.ts";
import { type Conclusion, type Picture, pictureOfJob } from "./report-job.ts";
import { plainLine } from "./report-text.ts";
import { statusName } from "./status-name.ts";

/**
 * What a forge is to show of a run: pure, so that the same run always makes the same statuses. `lost` is never the
 * user's failure: it blocks as `cancelled` does, and says that it was the infrastructure.
 */

export interface WantedStatus extends Picture {
  readonly name: string;
  /** The job or named check; absent where it is the whole run. */
  readonly check?: string;
  /** The job that it is about, where it is about one. */
  readonly job?: JobItem;
  /** Jobs that answer it. */
  readonly jobs: readonly JobItem[];
  /** What went wrong with the run itself. */
  readonly problem?: string;
}

/** Every status of a run. One that was not planned yet has none; one with too many checks has one for all. */
export function wantedStatuses(items: RunItems & { readonly run: RunItem }): WantedStatus[] {
  const { run, jobs, checks } = items;
  if (run.planDigest === undefined) return isRunEnded(run.state) ? [wholeRun(run, [])] : [];
  const own = jobs.filter((job) => Object.keys(job.checks).length === 0);
  if (own.length + checks.length > REPORT_CHECKS_MAX) return [wholeRun(run, jobs)];
  return [...own.map((job) => statusOfJob(run, job)), ...checks.map((check) => statusOfCheck(run, check, jobs))];
}

function statusOfJob(run: RunItem, job: JobItem): WantedStatus {
  const picture = withinRun(run, pictureOfJob(job, approvalOf(run)));
  return { ...picture, name: statusName(run, job.jobId), check: job.jobId, job, jobs: [job] };
}

/** What has to be done before a held job may run, as a command. */
function approvalOf(run: RunItem): string | undefined {
  if (!waitsForApproval(run)) return undefined;
  return `baton runs approve ${run.runId} --sha ${run.approval?.sha ?? run.source?.sha ?? ""}`.trim();
}

function statusOfCheck(run: RunItem, check: CheckItem, all: readonly JobItem[]): WantedStatus {
  const jobs = all.filter((job) => check.jobs.includes(job.jobId));
  const picture = withinRun(run, pictureOfCheck(run, check, jobs));
  return { ...picture, name: statusName(run, check.checkId), check: check.checkId, jobs };
}

function pictureOfCheck(run: RunItem, check: CheckItem, jobs: readonly JobItem[]): Picture {
  const pictures = jobs.map((job) => pictureOfJob(job, approvalOf(run)));
  const started = startOf(pictures);
  if (check.state !== "final") {
    const held = pictures.find((picture) => picture.conclusion === "action_required");
    if (held !== undefined && started.startedAtMs === undefined) return held;
    const answered = check.jobs.length - check.remaining;
    const state = pictures.some(hasBegun) ? ("in_progress" as const) : ("queued" as const);
    return { state, title: `${answered} of ${check.jobs.length} jobs have answered`, ...started };
  }
  const ended = { ...started, ...(check.endedAtMs === undefined ? {} : { endedAtMs: check.endedAtMs }) };
  const { failed, lost } = check.tally;
  if (check.outcome === "passed") return { state: "completed", conclusion: "success", title: "Passed", ...ended };
  if (check.outcome === "failed")
    return {
      state: "completed",
      conclusion: "failure",
      title: `${failed} of ${check.jobs.length} jobs answered no`,
      ...ended,
    };
  const title = jobs.some((job) => needOutcomeOf(job) === "lost")
    ? `Infrastructure: ${lost} of ${check.jobs.length} jobs could not answer`
    : `${lost} of ${check.jobs.length} jobs did not answer`;
  return { state: "completed", conclusion: "cancelled", title, ...ended };
}

const hasBegun = (picture: Picture) => picture.state !== "queued";

function startOf(pictures: readonly Picture[]): { startedAtMs?: number } {
  const starts = pictures.map((picture) => picture.startedAtMs).filter((atMs) => atMs !== undefined);
  return starts.length === 0 ? {} : { startedAtMs: Math.min(...starts) };
}

/** When the run is over, so is all of it, whatever its nodes say. */
function withinRun<P extends Picture>(run: RunItem, picture: P): Picture {
  if (!isRunEnded(run.state) || (picture.state === "completed" && picture.conclusion !== "action_required"))
    return picture;
  const { title, conclusion } = endOfRun(run);
  const { startedAtMs } = picture;
  return {
    state: "completed",
    conclusion: conclusion === "success" ? "cancelled" : conclusion,
    title,
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    ...(run.endedAtMs === undefined ? {} : { endedAtMs: run.endedAtMs }),
  };
}

/** The whole run as one status. */
function wholeRun(run: RunItem, jobs: readonly JobItem[]): WantedStatus {
  const about = { name: statusName(run), jobs };
  const problem = run.reason === undefined ? {} : { problem: run.reason };
  const started = startOf(jobs.map((job) => pictureOfJob(job, undefined)));
  if (isRunEnded(run.state)) {
    const ended = run.endedAtMs === undefined ? {} : { endedAtMs: run.endedAtMs };
    const { conclusion, title } = endOfRun(run);
    return { ...about, ...problem, state: "completed", conclusion, title, ...started, ...ended };
  }
  const approval = approvalOf(run);
  if (approval !== undefined)
    return {
      ...about,
      state: "completed",
      conclusion: "action_required",
      title: `Waits for approval: ${approval}`,
    };
  const state = started.startedAtMs === undefined ? ("queued" as const) : ("in_progress" as const);
  return { ...about, state, title: countOf(jobs), ...started };
}

function countOf(jobs: readonly JobItem[]): string {
  const ended = jobs.filter((job) => isJobEnded(job.state));
  const bad = ended.filter((job) => ["failed", "lost"].includes(needOutcomeOf(job)));
  return `${ended.length} of ${jobs.length} jobs have ended${bad.length === 0 ? "" : `, ${bad.length} not well`}`;
}

function endOfRun(run: RunItem): { readonly conclusion: Conclusion; readonly title: string } {
  switch (run.state) {
    case "succeeded":
      return { conclusion: "success", title: "Passed" };
    case "failed":
      return { conclusion: "failure", title: "Failed" };
    case "plan_failed":
      return { conclusion: "failure", title: "The pipeline could not be planned" };
    case "timed_out":
      return { conclusion: "timed_out", title: "The run's time was over" };
    case "errored":
      return { conclusion: "cancelled", title: "Infrastructure: a job was lost" };
    default:
      return {
        conclusion: "cancelled",
        title: plainLine(`Canceled${run.reason === undefined ? "" : `: ${run.reason}`}`),
      };
  }
}
