import { whyUnreadable } from "../../shared/lib/file-trouble.ts";
import { openFileWarning } from "../../shared/lib/open-file.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { sanitizeLine } from "../print/sanitize.ts";

/** Refuses a file of secrets that cannot be read: every job that names one would fail, later, and with less to go by. */
export async function checkSecretsFile(context: Context, file: string): Promise<void> {
  const why = await whyUnreadable(file);
  if (why !== undefined) throw new CommandError(`--secrets-file: cannot read ${file}: ${why}`);
  await warnOpenFile(context, file);
}

/** Says so where a file of secrets is open to others: the runner process says it in a log that nobody looks at. */
async function warnOpenFile(context: Context, file: string): Promise<void> {
  const warning = await openFileWarning(file);
  if (warning !== undefined) await context.err.write(`baton: ${sanitizeLine(warning, false)}\n`);
}
