import { DomainError } from "../domain/errors.ts";
import type { Plan } from "../domain/plan.ts";
import type { PipelineFile } from "../pipeline/plan-text.ts";
import { type Problem, printProblem } from "../pipeline/problem.ts";
import type { RunSeed } from "./births.ts";
import type { Deps } from "./deps.ts";

/** Parses and plans a pipeline for one run. Throws `invalid_definition` with every problem at once. */
export async function planDefinition(deps: Deps, file: PipelineFile, seed: RunSeed): Promise<Plan> {
  const { sha, branch } = seed.source ?? {};
  const run = { runId: seed.runId, sha, branch, tag: seed.trigger?.tag, pool: seed.pool };
  const { plan, problems } = await deps.pipelines.plan(file, run);
  if (plan === undefined || problems.length > 0) throw invalidDefinition(problems);
  const unknown = plan.jobs.find((job) => !deps.settings.pools.includes(job.pool));
  if (unknown !== undefined) {
    throw new DomainError(
      "invalid_definition",
      `${file.path}: job ${unknown.id} wants pool ${unknown.pool}, which does not exist here (there is: ${deps.settings.pools.join(", ")})`,
    );
  }
  return plan;
}

/** With every problem of a file. */
export function invalidDefinition(problems: readonly Problem[]): DomainError {
  return new DomainError("invalid_definition", problems.map(printProblem).join("\n"), { problems });
}
