import { CHECKS_PER_PIPELINE_MAX } from "../domain/limits.ts";
import type { EnvEntry, JobDefinition, PipelineDefinition } from "./definition.ts";
import { type Problems, quoted } from "./problem.ts";

/** Names that must not mean two things. */
export function checkNames(definition: PipelineDefinition, problems: Problems): void {
  checkChecks(definition.jobs, problems);
  for (const job of definition.jobs) checkSecrets(definition, job, problems);
}

/** A job without `checks` answers the check of its own name, so no other job may answer that one. */
function checkChecks(jobs: readonly JobDefinition[], problems: Problems): void {
  const own = new Set(jobs.filter((job) => job.checks.length === 0).map((job) => job.id));
  const named = new Set<string>();
  for (const job of jobs) {
    for (const { value, at } of job.checks) {
      named.add(value);
      if (named.size === CHECKS_PER_PIPELINE_MAX + 1) {
        problems.report(at, `more than ${CHECKS_PER_PIPELINE_MAX} checks are named (CHECKS_PER_PIPELINE_MAX)`);
        return;
      }
      if (!own.has(value)) continue;
      const message = `the check ${quoted(value)} is answered by the job of that name alone; write "checks: ${value}" in that job too`;
      problems.report(at, message);
    }
  }
}

/** One name cannot be both: which of the two a script saw would depend on their order. */
function checkSecrets(definition: PipelineDefinition, job: JobDefinition, problems: Problems): void {
  if (job.secrets.length === 0) return;
  const entries: EnvEntry[] = [...definition.env, ...job.env, ...job.steps.flatMap((step) => step.env)];
  const names = new Set(entries.map((entry) => entry.name));
  for (const { value, at } of job.secrets) {
    if (names.has(value)) problems.report(at, `${quoted(value)} is both a secret of jobs.${job.id} and set in env`);
  }
}
