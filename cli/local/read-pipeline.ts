import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { DEFINITION_BYTES_MAX } from "../../shared/domain/limits.ts";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { readTextFile, tellTextTrouble } from "../../shared/lib/read-text-file.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { CommandError } from "../command-error.ts";

/** Over `DEFINITION_BYTES_MAX`, which is a problem of the file like any other; what is larger is none. */
const FILE_BYTES_MAX = 16 * DEFINITION_BYTES_MAX;

/** The pipeline of a folder, where none is named. */
export const PIPELINE_DEFAULT = join(".baton", "ci.yml");

/** Reads a pipeline file; a failure is one line, and a note on where to begin. */
export async function readPipeline(cwd: string, file: string): Promise<string> {
  try {
    return await readTextFile(resolve(cwd, file), { bytesMax: FILE_BYTES_MAX });
  } catch (cause) {
    const isMissing = systemCode(cause) === "ENOENT" && file === PIPELINE_DEFAULT;
    const notes = isMissing ? [howToBegin(cwd)] : [];
    throw new CommandError(tellTextTrouble(file, cause, fileTrouble), { cause, notes });
  }
}

function howToBegin(cwd: string): string {
  const above = findAbove(cwd);
  return above === undefined
    ? "name a file, or write this one; the least is: jobs: {hello: {run: echo hello}}"
    : `name a file; this repository's is ${relative(cwd, above)}`;
}

/** The nearest folder above, no further than the top of the repository, that has the usual file. */
function findAbove(cwd: string): string | undefined {
  let found: string | undefined;
  for (let folder = cwd; ; folder = dirname(folder)) {
    const file = join(folder, PIPELINE_DEFAULT);
    if (found === undefined && existsSync(file)) found = file;
    if (existsSync(join(folder, ".git"))) return found;
    if (dirname(folder) === folder) return undefined;
  }
}
