import { stat } from "node:fs/promises";
import { parseSecrets } from "../../runner/parse-secrets.ts";
import { readSecretsText } from "../../runner/secrets-file.ts";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { openFileWarning } from "../../shared/lib/open-file.ts";
import { tellTextTrouble } from "../../shared/lib/read-text-file.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { sanitizeLine } from "../print/sanitize.ts";

/** What a runner of ours is given: the file, which it reads for each job, or what came out of a stream. */
export type GivenSecrets = { readonly file: string } | { readonly text: string };

/**
 * Reads a file of secrets once, and refuses one that cannot be read or is not well written: every job that names one would
 * fail, later, and with less to go by. A stream comes once, so its text is passed on.
 */
export async function checkSecretsFile(context: Context, file: string): Promise<GivenSecrets> {
  try {
    const text = await readSecretsText(file);
    parseSecrets(text);
    if (!(await stat(file)).isFile()) return { text };
  } catch (cause) {
    throw new CommandError(`--secrets-file: ${tellTextTrouble(file, cause, fileTrouble)}`, { cause });
  }
  await warnOpenFile(context, file);
  return { file };
}

/** Says so where a file of secrets is open to others: the runner process says it in a log that nobody looks at. */
async function warnOpenFile(context: Context, file: string): Promise<void> {
  const warning = await openFileWarning(file);
  if (warning !== undefined) await context.err.write(`baton: ${sanitizeLine(warning, false)}\n`);
}
