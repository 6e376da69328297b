import { openFileWarning } from "../../shared/lib/open-file.ts";
import type { Context } from "../context.ts";
import { sanitizeLine } from "../print/sanitize.ts";

/** Says so where a file of secrets is open to others: the runner process says it in a log that nobody looks at. */
export async function warnOpenFile(context: Context, file: string): Promise<void> {
  const warning = await openFileWarning(file);
  if (warning !== undefined) await context.err.write(`baton: ${sanitizeLine(warning, false)}\n`);
}
