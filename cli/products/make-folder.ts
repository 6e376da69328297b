import { mkdir } from "node:fs/promises";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { CommandError } from "../command-error.ts";

/** Makes the folder that an option names, and those above it. */
export async function makeFolder(option: string, folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new CommandError(`${option}: cannot make the folder ${folder}: ${fileTrouble(cause)}`, { cause });
  }
}
