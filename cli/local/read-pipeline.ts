import { join, resolve } from "node:path";
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
    const notes = systemCode(cause) === "ENOENT" && file === PIPELINE_DEFAULT ? [HOW_TO_BEGIN] : [];
    throw new CommandError(tellTextTrouble(file, cause, fileTrouble), { cause, notes });
  }
}

const HOW_TO_BEGIN = `name a file, or write this one; the least is: jobs: {hello: {run: echo hello}}`;
