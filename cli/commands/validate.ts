import { type Problem, printProblem } from "../../shared/pipeline/problem.ts";
import { validateText } from "../../shared/pipeline/validate-text.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { readPipeline } from "../local/read-pipeline.ts";
import { sanitizeLine } from "../print/sanitize.ts";

/** `baton validate FILE…`: every problem of every file. Exit code 1 where there is one, 2 where a file cannot be read. */
export async function validateCommand(
  context: Context,
  files: readonly string[],
  options: { readonly json?: boolean },
): Promise<void> {
  const problems: Problem[] = [];
  const unreadable: string[] = [];
  for (const file of files) {
    const text = await readPipeline(context.environment.cwd, file).catch((error: unknown) => {
      if (!(error instanceof CommandError)) throw error;
      unreadable.push(error.message);
    });
    if (text !== undefined) problems.push(...validateText(text, file));
  }
  if (options.json === true) await context.out.write(`${JSON.stringify({ problems, unreadable }, null, 2)}\n`);
  else for (const problem of problems) await context.out.write(`${sanitizeLine(printProblem(problem), false)}\n`);
  const [first, ...rest] = unreadable;
  if (first !== undefined) throw new CommandError(first, { notes: rest });
  if (problems.length > 0) process.exitCode = EXIT.checkFailed;
  else if (options.json !== true)
    await context.err.write(`${files.length === 1 ? "1 file" : `${files.length} files`}, no problems\n`);
}
