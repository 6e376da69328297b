import type { RunContext } from "../pipeline/interpolate.ts";
import { type Parsing, parsePipeline } from "../pipeline/parse-pipeline.ts";
import type { Planning } from "../pipeline/plan-pipeline.ts";
import { type PipelineFile, planText } from "../pipeline/plan-text.ts";

/**
 * Where pipelines' texts are read. Anyone who may create runs, or push, chooses the text: where many callers share one
 * process it is read in a thread of its own, so that no text keeps a lease from its renewal. Throws `throttled`.
 */
export interface Pipelines {
  parse(file: PipelineFile): Promise<Parsing>;
  plan(file: PipelineFile, run: RunContext): Promise<Planning>;
}

/** In this thread: for a process that serves one caller at a time, as a Lambda does. */
export const PIPELINES_HERE: Pipelines = {
  parse: async ({ text, path }) => parsePipeline(text, path),
  plan: async (file, run) => planText(file, run),
};
