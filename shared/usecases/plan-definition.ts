import { DomainError } from "../domain/errors.ts";
import type { Plan } from "../domain/plan.ts";
import { parsePipeline } from "../pipeline/parse-pipeline.ts";
import { planPipeline } from "../pipeline/plan-pipeline.ts";
import { type Problem, printProblem } from "../pipeline/problem.ts";
import type { RunSeed } from "./births.ts";
import type { Deps } from "./deps.ts";

/** Parses and plans a pipeline for one run. Throws `invalid_definition` with every problem at once. */
export function planDefinition(
  deps: Deps,
  file: { readonly path: string; readonly text: string },
  seed: RunSeed,
): Plan {
  const parsed = parsePipeline(file.text, file.path);
  if (parsed.pipeline === undefined || parsed.problems.length > 0) throw invalid(parsed.problems);
  const { sha, branch } = seed.source ?? {};
  const { plan, problems } = planPipeline(parsed.pipeline, { runId: seed.runId, sha, branch, pool: seed.pool });
  if (plan === undefined || problems.length > 0) throw invalid(problems);
  const unknown = plan.jobs.find((job) => !deps.settings.pools.includes(job.pool));
  if (unknown !== undefined) {
    throw new DomainError(
      "invalid_definition",
      `${file.path}: job ${unknown.id} wants pool ${unknown.pool}, which does not exist here (there is: ${deps.settings.pools.join(", ")})`,
    );
  }
  return plan;
}

function invalid(problems: readonly Problem[]): DomainError {
  return new DomainError("invalid_definition", problems.map(printProblem).join("\n"), { problems });
}
