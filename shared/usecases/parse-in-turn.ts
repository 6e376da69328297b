import { COMMIT_TOKENS_MAX } from "../domain/limits.ts";
import { inTurn } from "../lib/in-turn.ts";
import type { Parsing } from "../pipeline/parse-pipeline.ts";
import type { PipelineFile } from "../pipeline/plan-text.ts";
import type { Deps } from "./deps.ts";

/**
 * Parses the pipelines of one commit, one after the other and with bounded work together: each file may be large, and a
 * commit has `DEFINITIONS_MAX` of them. One that comes after the budget is spent is a file with that problem.
 */
export function parseInTurn({ pipelines }: Pick<Deps, "pipelines">): (file: PipelineFile) => Promise<Parsing> {
  let spent = 0;
  return inTurn(async (file) => {
    if (spent >= COMMIT_TOKENS_MAX) return { problems: [overBudget(file.path, spent)], tokens: 0 };
    const parsing = await pipelines.parse(file);
    spent += parsing.tokens;
    return parsing;
  });
}

function overBudget(file: string, spent: number): Parsing["problems"][number] {
  const message = `not read: the commit's other pipelines have ${spent} words and signs of YAML; ${COMMIT_TOKENS_MAX} are read of one commit (COMMIT_TOKENS_MAX)`;
  return { file, line: 1, column: 1, message };
}
