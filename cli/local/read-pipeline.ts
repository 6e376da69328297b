import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { CommandError } from "../command-error.ts";

/** Reads a pipeline file; a failure is one line. */
export async function readPipeline(cwd: string, file: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, file), "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const reason = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : String(cause);
    throw new CommandError(`cannot read ${file}: ${reason}`, { cause });
  }
}
