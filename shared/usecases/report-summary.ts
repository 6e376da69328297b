import type { JobSpec } from "../domain/plan.ts";
import type { RunTrigger } from "../protocol/triggers.ts";
import type { AttemptEnd, JobItem, RunItem } from "../store/items.ts";
import type { ForgeStatus } from "./forge.ts";
import { pictureOfJob, resultOf } from "./report-job.ts";
import type { WantedStatus } from "./report-statuses.ts";
import { codeBlock, inlineCode, markdownRows, plainLine } from "./report-text.ts";

/** The text of a status, for people: what happened, why, and how to see more. */

const ROWS_MAX = 50;
const PROBLEM_LENGTH_MAX = 8_000;

export interface SummaryContext {
  readonly run: RunItem;
  readonly trigger: RunTrigger;
  /** Where people see runs, if anywhere. */
  readonly publicUrl: string | undefined;
  /** Steps of the job, where they are at hand. */
  readonly spec: JobSpec | undefined;
}

export function toForgeStatus(wanted: WantedStatus, sha: string, context: SummaryContext): ForgeStatus {
  const { name, check = "", state, title, conclusion, startedAtMs, endedAtMs, job } = wanted;
  const detailsUrl = detailsUrlOf(context, job);
  return {
    sha,
    key: `${context.run.runId}/${check}`,
    name,
    state,
    title,
    summary: summaryOf(wanted, context),
    annotations: job === undefined ? [] : annotationsOf(wanted, job, context.run),
    trigger: context.trigger,
    ...(conclusion === undefined ? {} : { conclusion }),
    ...(detailsUrl === undefined ? {} : { detailsUrl }),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    ...(endedAtMs === undefined ? {} : { endedAtMs }),
  };
}

function detailsUrlOf({ run, publicUrl }: SummaryContext, job: JobItem | undefined): string | undefined {
  if (publicUrl === undefined) return undefined;
  const ofRun = `${publicUrl.replace(/\/+$/, "")}/runs/${encodeURIComponent(run.runId)}`;
  return job === undefined ? ofRun : `${ofRun}/jobs/${encodeURIComponent(job.jobId)}`;
}

function summaryOf(wanted: WantedStatus, context: SummaryContext): string {
  const { run } = context;
  const { job, jobs, problem } = wanted;
  const parts = [
    ...(problem === undefined ? [] : [codeBlock(problem.slice(0, PROBLEM_LENGTH_MAX))]),
    ...(wanted.conclusion === "action_required"
      ? ["This run waits for somebody to approve its commit:", codeBlock(approvalIn(wanted.title))]
      : []),
    ...(job === undefined ? jobsTable(jobs) : jobParts(job, context.spec)),
    `Run ${inlineCode(run.runId)} · ${commandsOf(run, job).map(inlineCode).join(" · ")}`,
  ];
  return parts.join("\n\n");
}

const approvalIn = (title: string) => title.slice(title.indexOf("baton "));

function commandsOf(run: RunItem, job: JobItem | undefined): string[] {
  const logs = job === undefined ? [] : [`baton runs logs ${run.runId} ${job.jobId}`];
  return [...logs, `baton explain ${run.runId}${job === undefined ? "" : ` ${job.jobId}`}`];
}

/** What did not go well first: a table has an end. */
function jobsTable(jobs: readonly JobItem[]): string[] {
  if (jobs.length === 0) return [];
  const pictures = jobs.map((job) => ({ job, picture: pictureOfJob(job, undefined) }));
  const urgent = (conclusion: string | undefined) => (["success", "skipped", undefined].includes(conclusion) ? 1 : 0);
  const sorted = pictures.sort((a, b) => urgent(a.picture.conclusion) - urgent(b.picture.conclusion));
  const rows = sorted.slice(0, ROWS_MAX).map(({ job, picture }) => [inlineCode(job.jobId), inlineCode(picture.title)]);
  const more = jobs.length > ROWS_MAX ? [`… and ${jobs.length - ROWS_MAX} more jobs`] : [];
  return [markdownRows(["job", "state"], rows), ...more];
}

function jobParts(job: JobItem, spec: JobSpec | undefined): string[] {
  const end = resultOf(job);
  const attempts = Object.values(job.attempts);
  const rows: [string, string][] = [["job", inlineCode(job.name)]];
  if (end !== undefined) rows.push(["outcome", inlineCode(end.outcome)]);
  if (end?.exitCode !== undefined) rows.push(["exit code", inlineCode(String(end.exitCode))]);
  if (end?.signal !== undefined) rows.push(["signal", inlineCode(end.signal)]);
  if (end?.failure !== undefined) rows.push(["class", inlineCode(end.failure.class)]);
  if (attempts.length > 0) rows.push(["attempts", String(attempts.length)]);
  const runner = attempts.at(-1)?.runnerName;
  if (runner !== undefined) rows.push(["runner", inlineCode(runner)]);
  const steps = end === undefined || spec === undefined ? [] : stepLines(spec, end);
  const message = end?.failure?.message ?? job.reason;
  const losses = end?.losses ?? [];
  return [
    markdownRows(["", ""], rows),
    ...(message === undefined ? [] : [codeBlock(message)]),
    ...(steps.length === 0 ? [] : [steps.join("\n")]),
    ...(losses.length === 0 ? [] : ["Not uploaded:", codeBlock(losses.join("\n"))]),
  ];
}

/** Steps run in order, and the first that fails is the last that ran. */
function stepLines(spec: JobSpec, end: AttemptEnd): string[] {
  const failedAt = spec.steps.findIndex((step) => step.name === end.failure?.step);
  if (end.outcome !== "succeeded" && failedAt < 0) return [];
  const marks = (at: number) => (failedAt < 0 || at < failedAt ? "✅" : at === failedAt ? "❌" : "▫️");
  const lines = spec.steps.map((step, at) => `- ${marks(at)} ${inlineCode(step.name)}`);
  return lines.length <= ROWS_MAX ? lines : [...lines.slice(0, ROWS_MAX), `- … and ${lines.length - ROWS_MAX} more`];
}

/** At the definition, since Baton knows in which of its steps it failed and not in which of your files. */
function annotationsOf(wanted: WantedStatus, job: JobItem, run: RunItem): ForgeStatus["annotations"] {
  const failure = resultOf(job)?.failure;
  const failed = wanted.conclusion === "failure" || wanted.conclusion === "timed_out";
  if (!failed || failure?.step === undefined || run.pipelinePath === undefined) return [];
  const title = plainLine(`${job.jobId}: ${failure.step}`);
  return [{ title, message: plainLine(failure.message), path: run.pipelinePath }];
}
