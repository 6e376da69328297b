import { DomainError } from "../domain/errors.ts";
import { PAGE_JOBS_MAX } from "../domain/limits.ts";
import type { RunItem } from "../store/items.ts";
import { artifactObject } from "../store/keys.ts";
import type { ReportStore } from "../store/report-store.ts";
import type { Deps } from "./deps.ts";
import { readReports } from "./read-reports.ts";
import { resultArtifacts } from "./sign-uploads.ts";
import { toCheckViews, toJobView, toRunView } from "./views.ts";

/** What people read. None of it writes. */

export interface ReadDeps extends Deps {
  readonly reports: Pick<ReportStore, "getOutbox">;
}

/** A page of a run's jobs from the one numbered `from` on, in plan order, with all of its checks. */
export async function readJobs(deps: ReadDeps, runId: string, from = 0) {
  const { run, jobs, checks } = await deps.store.getRunItems({ tenant: deps.settings.tenant, runId });
  const found = foundRun(run, runId);
  // Nodes of a plan that was never committed are not part of the run.
  const committed = found.planDigest === undefined ? [] : jobs;
  const next = from + PAGE_JOBS_MAX;
  const reports = await readReports(deps, found);
  return {
    run: toRunView(found),
    jobs: committed.slice(from, next).map(toJobView),
    checks: found.planDigest === undefined ? [] : toCheckViews(jobs, checks),
    ...(reports === undefined ? {} : { reports }),
    ...(next < committed.length ? { next } : {}),
  };
}

export async function readRun(deps: ReadDeps, runId: string) {
  const { run, checks, reports } = await readJobs(deps, runId);
  return { run, checks, ...(reports === undefined ? {} : { reports }) };
}

export async function readJob(deps: Deps, runId: string, jobId: string) {
  const job = await deps.store.getJob({ tenant: deps.settings.tenant, runId, jobId });
  if (job === undefined) throw new DomainError("not_found", `there is no job ${jobId} in run ${runId}`);
  return toJobView(job);
}

export async function readArtifacts(deps: Deps, runId: string) {
  const { run, jobs } = await deps.store.getRunItems({ tenant: deps.settings.tenant, runId });
  foundRun(run, runId);
  return jobs
    .flatMap(resultArtifacts)
    .map(({ attempt, artifact }) => ({ jobId: attempt.jobId, fence: attempt.fence, artifact }));
}

export async function readArtifactLink(
  deps: Deps,
  runId: string,
  wanted: { readonly job: string; readonly name: string },
) {
  const job = await deps.store.getJob({ tenant: deps.settings.tenant, runId, jobId: wanted.job });
  const found =
    job === undefined ? undefined : resultArtifacts(job).find(({ artifact }) => artifact.name === wanted.name);
  if (found === undefined)
    throw new DomainError("not_found", `job ${wanted.job} of run ${runId} has no artifact ${wanted.name}`);
  const { url } = await deps.bucket.signGet(artifactObject(found.attempt, found.artifact.name));
  return { artifact: found.artifact, url };
}

function foundRun(run: RunItem | undefined, runId: string): RunItem {
  if (run === undefined) throw new DomainError("not_found", `there is no run ${runId}`);
  return run;
}
