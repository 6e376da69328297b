import { parsePipeline } from "./parse-pipeline.ts";
import type { Problem } from "./problem.ts";

/** Every problem of a pipeline file, in file order; none means that a run with a source can be planned from it. */
export function validateText(text: string, path: string): Problem[] {
  return parsePipeline(text, path).problems;
}
