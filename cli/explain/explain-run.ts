import { isJobEnded, isRunEnded } from "../../shared/domain/verdict.ts";
import type { RunJobs } from "../../shared/protocol/list-all-jobs.ts";
import type { CheckView, JobView } from "../../shared/protocol/runs.ts";
import { explainRunHistory } from "./explain-history.ts";
import { explainJob, listed } from "./explain-job.ts";
import { explainReports } from "./explain-reports.ts";
import type { TellTime } from "./tell-time.ts";

/** Says why a run stands where it does: its verdict, the checks that made it, and the jobs that need a word. Pure. */
export function explainRun(seen: RunJobs, time: TellTime): string[] {
  // What the verdict is about stands first.
  const telling = seen.jobs.filter((job) => needsAWord(job)).sort((a, b) => Number(isBad(b)) - Number(isBad(a)));
  return [
    explainVerdict(seen, time),
    ...explainChecks(seen),
    ...explainRunHistory(seen.run.history, time),
    ...explainReports(seen, time),
    ...telling.flatMap((job) => ["", ...explainJob(job, seen.jobs, time, seen.run)]),
  ];
}

function explainVerdict({ run, jobs, checks }: RunJobs, time: TellTime): string {
  const reason = run.reason === undefined ? "" : `: ${run.reason}`;
  const by = `It was created at ${time.at(run.createdAtMs)} by ${run.createdBy}${run.rerunOf === undefined ? "" : `, as a rerun of ${run.rerunOf}`}.`;
  const open = jobs.filter((job) => !isJobEnded(job.state));
  if (!isRunEnded(run.state)) {
    const still = open.length === 0 ? "" : `; open: ${listed(open.map((job) => `${job.id} (${job.state})`))}`;
    return `${run.id} is ${run.state}${reason}${still}. ${by}`;
  }
  const at = run.endedAtMs === undefined ? "" : ` at ${time.at(run.endedAtMs)}`;
  const verdict = run.state === "failed" ? `failed: ${failedChecks(checks)}; it ended` : VERDICTS[run.state];
  return `${run.id} ${verdict ?? run.state}${at}${reason}. ${by}`;
}

const NAMED_CHECKS_MAX = 8;

function failedChecks(checks: readonly CheckView[]): string {
  const failed = checks.filter((check) => check.outcome === "failed").map((check) => check.id);
  if (failed.length === 0 || failed.length > NAMED_CHECKS_MAX) return `${failed.length || "some"} checks failed`;
  return `${failed.length === 1 ? "check" : "checks"} ${listed(failed)} failed`;
}

const VERDICTS: Readonly<Record<string, string>> = {
  succeeded: "succeeded: every check passed or its failure is allowed; it ended",
  errored: "errored: no check failed, but a required job was lost; it ended",
  timed_out: "timed out",
  canceled: "was canceled",
  plan_failed: "could not be planned; it ended",
};

function explainChecks({ checks }: RunJobs): string[] {
  return checks
    .filter((check) => check.outcome !== "passed" && !isOwn(check))
    .map((check) => `Check ${check.id} ${check.outcome ?? "waits"}: it is answered by ${listed(check.jobs)}.`);
}

/** The check of a job's own name is the job: its own words say it. */
const isOwn = (check: CheckView): boolean => check.jobs.length === 1 && check.jobs[0] === check.id;

const isBad = (job: JobView): boolean =>
  !job.allowFailure && (job.state === "failed" || job.state === "timed_out" || job.state === "lost");

/** A job that succeeded at once, and lost nothing, explains itself. */
function needsAWord(job: JobView): boolean {
  const lost = job.attempts.some((attempt) => (attempt.end?.losses ?? []).length > 0);
  return job.state !== "succeeded" || job.attempts.length > 1 || lost;
}
