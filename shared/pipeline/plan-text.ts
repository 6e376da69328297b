import type { RunContext } from "./interpolate.ts";
import { parsePipeline } from "./parse-pipeline.ts";
import { type Planning, planPipeline } from "./plan-pipeline.ts";

/** A pipeline's text and the path that names it. */
export interface PipelineFile {
  readonly path: string;
  readonly text: string;
}

/** Parses and plans a text for one run. Pure, and never throws. */
export function planText({ path, text }: PipelineFile, run: RunContext): Planning {
  const { pipeline, problems } = parsePipeline(text, path);
  return pipeline === undefined ? { problems } : planPipeline(pipeline, run);
}
