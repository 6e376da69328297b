import { isAbsolute, relative, resolve } from "node:path";
import type { PipelineDefinition } from "../../shared/pipeline/definition.ts";
import { parsePipeline } from "../../shared/pipeline/parse-pipeline.ts";
import { printProblem } from "../../shared/pipeline/problem.ts";
import { CommandError } from "../command-error.ts";

/** Reads a pipeline that has no problems; refuses any other, with all of them. */
export function readDefinition(text: string, file: string): PipelineDefinition {
  const { pipeline, problems } = parsePipeline(text, file);
  if (pipeline !== undefined) return pipeline;
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  throw new CommandError(`${file} has ${count}`, { notes: problems.map(printProblem) });
}

/** A file's path as a run names it: relative to the repository where it is inside of it. */
export function pathInRun(root: string, cwd: string, file: string): string {
  const inside = relative(root, resolve(cwd, file));
  return inside.startsWith("..") || isAbsolute(inside) ? file : inside;
}
