import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { CommandError } from "../command-error.ts";

/** The pipeline of a folder, where none is named. */
export const PIPELINE_DEFAULT = join(".baton", "ci.yml");

/** Reads a pipeline file; a failure is one line, and a note on where to begin. */
export async function readPipeline(cwd: string, file: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, file), "utf8");
  } catch (cause) {
    const notes = systemCode(cause) === "ENOENT" && file === PIPELINE_DEFAULT ? [HOW_TO_BEGIN] : [];
    throw new CommandError(`cannot read ${file}: ${fileTrouble(cause)}`, { cause, notes });
  }
}

const HOW_TO_BEGIN = `name a file, or write this one; the least is: jobs: {hello: {run: echo hello}}`;
