import { type Parsing, parsePipeline } from "../../../shared/pipeline/parse-pipeline.ts";
import { planPipeline } from "../../../shared/pipeline/plan-pipeline.ts";
import type { Pipelines } from "../../../shared/usecases/pipelines.ts";

/** Each text is parsed once, whatever world asks: reading YAML would be most of a world's time. */
const parsed = new Map<string, Parsing>();
const REMEMBERED_MAX = 500;

function parse(text: string, path: string): Parsing {
  const name = `${path} ${text}`;
  const known = parsed.get(name);
  if (known !== undefined) return known;
  if (parsed.size >= REMEMBERED_MAX) parsed.clear();
  const fresh = parsePipeline(text, path);
  parsed.set(name, fresh);
  return fresh;
}

export const REMEMBERED_PIPELINES: Pipelines = {
  parse: async ({ text, path }) => parse(text, path),
  async plan({ text, path }, run) {
    const { pipeline, problems } = parse(text, path);
    return pipeline === undefined ? { problems } : planPipeline(pipeline, run);
  },
};
