import { DEFINITION_BYTES_MAX } from "../domain/limits.ts";
import { checkNames } from "./check-names.ts";
import { checkNeeds } from "./check-needs.ts";
import type { PipelineDefinition } from "./definition.ts";
import type { RunContext } from "./interpolate.ts";
import { planInto } from "./plan-pipeline.ts";
import { collectProblems, type Problem, type Problems } from "./problem.ts";
import { readDefinition } from "./read-definition.ts";
import { readYaml } from "./yaml-tree.ts";

/** A definition, or everything that keeps the text from being one. */
export interface Parsing {
  readonly pipeline?: PipelineDefinition;
  readonly problems: Problem[];
  /** Lexical tokens that were read: what parsing cost. */
  readonly tokens: number;
}

/** Any commit and the shortest branch: it shows every mistake that is in the file and not in a run. */
const TRIAL_RUN = { runId: `run_${"0".repeat(26)}`, sha: "0".repeat(40), branch: "b" };

/** A forge and JSON bring text that others have decoded: what was no UTF-8 is U+FFFD by now, and would be run so. */
function checkSigns(text: string, problems: Problems): void {
  const at = text.search(/[\ufffd\0]/);
  if (at < 0) return;
  const lines = text.slice(0, at).split("\n");
  const place = { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
  const message =
    text[at] === "\0"
      ? "a NUL character is no text"
      : 'the file is not UTF-8 here, or holds U+FFFD, which stands for that: save it as UTF-8, or write "\\ufffd"';
  problems.report(place, message);
}

const TRIAL_TAG = { ...TRIAL_RUN, branch: undefined, tag: "t" };

/**
 * Plans it as each kind of its triggers would. A tag's run has no branch and any other has no tag, so a pool or a folder that is
 * named for what is not there has no name: that is a problem where such a run starts, and says so.
 */
function checkTrials(pipeline: PipelineDefinition, text: string, problems: Problems): void {
  const { push, pullRequest, schedule = [], manual = false } = pipeline.on ?? {};
  const hasTags = (push?.tags.length ?? 0) > 0;
  const isForTags =
    hasTags && push?.branches.length === 0 && pullRequest === undefined && schedule.length === 0 && !manual;
  const ofBranch = trial(pipeline, TRIAL_RUN);
  const ofTag = hasTags || text.includes("git.tag") ? trial(pipeline, TRIAL_TAG) : ofBranch;
  const placesOf = (found: readonly Problem[]) => new Set(found.map(placeOf));
  const [inBranch, inTag] = [placesOf(ofBranch), placesOf(ofTag)];
  const report = (problem: Problem, why: string) =>
    problems.report(problem, `${problem.message}${why}`, () => problem.suggestion);
  for (const problem of ofBranch) {
    if (inTag.has(placeOf(problem))) report(problem, "");
    else if (!isForTags) report(problem, "; what starts it is no tag, so git.tag is empty");
  }
  for (const problem of hasTags ? ofTag : [])
    if (!inBranch.has(placeOf(problem)))
      report(problem, "; on.push.tags starts it for tags, of which git.branch is empty");
}

const placeOf = ({ line, column }: Problem): string => `${line}:${column}`;

function trial(pipeline: PipelineDefinition, run: RunContext): Problem[] {
  const found = collectProblems(pipeline.file);
  planInto(pipeline, run, found);
  return found.list();
}

/**
 * Reads a pipeline file. `path` names it in problems and gives the pipeline its default name. All problems come at
 * once, in file order: those of syntax, of single values, of the graph, and (by a trial plan) of `${…}`. Never throws
 * on any text.
 */
export function parsePipeline(text: string, path: string): Parsing {
  const problems = collectProblems(path);
  const bytes = Buffer.byteLength(text);
  if (bytes > DEFINITION_BYTES_MAX) {
    const message = `the file has ${bytes} bytes; ${DEFINITION_BYTES_MAX} are allowed (DEFINITION_BYTES_MAX)`;
    problems.report({ line: 1, column: 1 }, message);
    return { problems: problems.list(), tokens: 0 };
  }
  checkSigns(text, problems);
  const { tree, tokens } = readYaml(text, problems);
  if (tree === undefined) return { problems: problems.list(), tokens };
  const pipeline = readDefinition({ what: "", tree, problems }, path);
  if (!problems.isBroken()) {
    checkNeeds(pipeline, problems);
    checkNames(pipeline, problems);
    checkTrials(pipeline, text, problems);
  }
  const list = problems.list();
  return list.length === 0 ? { pipeline, problems: [], tokens } : { problems: list, tokens };
}
