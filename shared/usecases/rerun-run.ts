import { DomainError } from "../domain/errors.ts";
import type { JobSpec, Plan, PlannedJob } from "../domain/plan.ts";
import { isRunEnded } from "../domain/verdict.ts";
import { eachOf } from "../lib/each-of.ts";
import type { JobItem, RunItem } from "../store/items.ts";
import type { RunRef } from "../store/keys.ts";
import type { RunSeed } from "./births.ts";
import { type Created, createLive, createRun, newRunId, type Requester, requestItem } from "./create-run.ts";
import type { Deps } from "./deps.ts";
import { retriesAtBirth } from "./retries-at-birth.ts";
import { reportedAnswer } from "./settle.ts";
import { digest, type LoadedSpec, resolveSpec } from "./specs.ts";

const SPECS_WIDTH = 8;

export interface Rerun extends RunRef {
  readonly only: "all" | "failed";
  readonly watch: boolean;
}

/**
 * A new run of the same plan, with `rerunOf`. With `only: "failed"` a job that succeeded, and reported no failed
 * check, keeps its result and its products; whatever else runs again. The old run does not change.
 */
export async function rerunRun(deps: Deps, rerun: Rerun, requester: Requester): Promise<Created> {
  const { run: old, jobs } = await deps.store.getRunItems(rerun);
  if (old === undefined) throw new DomainError("not_found", `there is no run ${rerun.runId}`);
  if (!isRunEnded(old.state))
    throw new DomainError("conflict", `run ${old.runId} is ${old.state}: wait for its end, or cancel it first`);
  // Nodes of a plan that was never committed may be some of its nodes only.
  if (old.planDigest === undefined) {
    if (old.source === undefined || old.pipelinePath === undefined)
      throw new DomainError("conflict", `run ${old.runId} never had a plan`);
    const body = { project: old.project, source: old.source, pipelinePath: old.pipelinePath, watch: rerun.watch };
    return createRun(deps, body, requester, { ...originOf(old), rerunOf: old.runId });
  }
  const kept = rerun.only === "all" ? [] : jobs.filter(isGood);
  if (kept.length === jobs.length)
    throw new DomainError("conflict", `every job of run ${old.runId} succeeded: there is nothing to run again`);
  const nowMs = deps.clock.nowMs();
  const seed: RunSeed = {
    ...old,
    ...originOf(old),
    // It is a person's, and has no place to lose.
    turn: undefined,
    source: old.source,
    pipelinePath: old.pipelinePath,
    rerunOf: old.runId,
    runId: newRunId(deps, nowMs),
    watch: rerun.watch,
    createdBy: requester.name ?? requester.principal,
    createdAtMs: nowMs,
  };
  const specs = await eachOf(await deps.store.getSpecs(rerun), SPECS_WIDTH, (item) => resolveSpec(deps, item));
  const plan = {
    pipeline: old.pipeline,
    jobs: replan(jobs, specs, { from: old.runId, to: seed.runId }),
  } satisfies Plan;
  const request = requestItem(deps, seed, requester, digest(JSON.stringify(rerun)));
  return createLive(deps, seed, plan, request, new Map(kept.map((job) => [job.jobId, job])));
}

/** A job may succeed and still report that a check failed: to keep it would turn that check green unasked. */
const isGood = (job: JobItem): boolean =>
  job.state === "succeeded" && !Object.keys(job.checks).some((checkId) => reportedAnswer(job, checkId) === "failed");

/** A rerun is of the same origin: a fork's stays in its pool, and an approval that was not given is still needed. */
const originOf = ({ trigger, pool, approval, reports }: RunItem) => ({ trigger, pool, approval, reports });

interface Rename {
  readonly from: string;
  readonly to: string;
}

function replan(jobs: readonly JobItem[], specs: readonly LoadedSpec[], rename: Rename): PlannedJob[] {
  const byId = new Map(specs.map((spec) => [spec.jobId, spec.spec]));
  return jobs.map((job) => {
    const spec = byId.get(job.jobId);
    if (spec === undefined) throw new Error(`job ${job.jobId} of run ${job.runId} has no spec`);
    return {
      id: job.jobId,
      pool: job.pool,
      ...(job.needs === undefined ? {} : { needs: job.needs }),
      checks: Object.keys(job.checks),
      allowFailure: job.allowFailure,
      retries: retriesAtBirth(job),
      spec: renamed(spec, rename),
    };
  });
}

/** `${run.id}` was written into names, values and paths when the old run was planned; scripts never hold it. */
function renamed(spec: JobSpec, { from, to }: Rename): JobSpec {
  const text = (value: string) => value.replaceAll(from, to);
  const env = (entries: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, text(value)]));
  return {
    ...spec,
    name: text(spec.name),
    env: env(spec.env),
    steps: spec.steps.map((step) => ({
      ...step,
      name: text(step.name),
      env: env(step.env),
      ...(step.workdir === undefined ? {} : { workdir: text(step.workdir) }),
    })),
    artifacts: { ...spec.artifacts, paths: spec.artifacts.paths.map(text) },
  };
}
