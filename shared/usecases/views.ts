import { checkAnswerOf, isJobEnded, needOutcomeOf } from "../domain/verdict.ts";
import type { AttemptView, CheckView, JobView, RunView } from "../protocol/runs.ts";
import type { CheckItem, JobItem, RunItem, RunSummaryItem } from "../store/items.ts";

/** Items as people and programs see them: the table's own bookkeeping stays inside. */

export function toRunSummary(run: RunSummaryItem) {
  const { runId, project, pipeline, state, source, createdAtMs, endedAtMs, rerunOf, createdBy } = run;
  return {
    id: runId,
    project,
    pipeline,
    state,
    source: toShownSource(source),
    createdAtMs,
    endedAtMs,
    rerunOf,
    createdBy,
  };
}

/** An http URL may carry a user's password or token, which only the runner needs. The user of an ssh URL is no secret. */
function toShownSource(source: RunSummaryItem["source"]): RunSummaryItem["source"] {
  if (source === undefined) return undefined;
  return { ...source, url: source.url.replace(/^(https?:\/\/)[^/]*@/, "$1***@") };
}

export function toRunView(run: RunItem): RunView {
  return {
    ...toRunSummary(run),
    reason: run.reason,
    trigger: run.trigger,
    approval: run.approval,
    history: run.history,
  };
}

export function toJobView(job: JobItem): JobView {
  const { runId, jobId, name, state, pool, fence, needs, resolved, allowFailure, left, phase } = job;
  const { queuedAtMs, queueDeadlineMs, lease, stop, result, reason, inheritedFrom, createdAtMs, endedAtMs, history } =
    job;
  return {
    runId,
    id: jobId,
    name,
    state,
    pool,
    fence,
    needs,
    resolved,
    checks: Object.keys(job.checks),
    allowFailure,
    left,
    phase,
    queuedAtMs,
    queueDeadlineMs,
    lease: lease === undefined ? undefined : toLeaseView(lease),
    stop,
    result,
    reason,
    inheritedFrom,
    createdAtMs,
    endedAtMs,
    attempts: Object.entries(job.attempts)
      .map(([number, attempt]) => toAttemptView(Number(number), attempt))
      .sort((a, b) => a.fence - b.fence),
    history,
  };
}

function toLeaseView({ runnerName, expiresAtMs, step, logBytes }: NonNullable<JobItem["lease"]>): JobView["lease"] {
  return { runner: runnerName, expiresAtMs, step, logBytes };
}

function toAttemptView(fence: number, attempt: JobItem["attempts"][string]): AttemptView {
  const { runnerName, grantedAtMs, startedAtMs, end } = attempt;
  return { fence, runner: runnerName, grantedAtMs, startedAtMs, end };
}

/** Named checks, and each job that answers its own: one list. */
export function toCheckViews(jobs: readonly JobItem[], checks: readonly CheckItem[]): CheckView[] {
  const own = jobs.filter((job) => Object.keys(job.checks).length === 0).map(toOwnCheck);
  const named = checks.map((check) => ({
    id: check.checkId,
    state: check.state === "final" ? ("final" as const) : ("waiting" as const),
    outcome: check.outcome,
    jobs: check.jobs,
  }));
  return [...own, ...named];
}

function toOwnCheck(job: JobItem): CheckView {
  if (!isJobEnded(job.state)) return { id: job.jobId, state: "waiting", jobs: [job.jobId] };
  return { id: job.jobId, state: "final", outcome: checkAnswerOf(needOutcomeOf(job), undefined), jobs: [job.jobId] };
}
