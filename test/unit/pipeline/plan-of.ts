import { expect } from "vitest";
import type { Plan, PlannedJob } from "../../../shared/domain/plan.ts";
import type { RunContext } from "../../../shared/pipeline/interpolate.ts";
import { parsePipeline } from "../../../shared/pipeline/parse-pipeline.ts";
import { planPipeline } from "../../../shared/pipeline/plan-pipeline.ts";

export const RUN: RunContext = { runId: "run_01jd000000000000000000000a", sha: "a".repeat(40), branch: "main" };

/** The plan of a file that must be good. */
export function planOf(text: string, run: RunContext = RUN, path = ".baton/ci.yml"): Plan {
  const { pipeline, problems } = parsePipeline(text, path);
  expect(problems).toEqual([]);
  if (pipeline === undefined) throw new Error("no pipeline and no problems");
  const planning = planPipeline(pipeline, run);
  expect(planning.problems).toEqual([]);
  if (planning.plan === undefined) throw new Error("no plan and no problems");
  return planning.plan;
}

/** One job of such a plan. */
export function jobOf(text: string, id: string, run: RunContext = RUN): PlannedJob {
  const job = planOf(text, run).jobs.find((planned) => planned.id === id);
  if (job === undefined) throw new Error(`no job ${id}`);
  return job;
}
