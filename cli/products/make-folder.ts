import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { makeFolderPath } from "../../shared/lib/make-folder-path.ts";
import { CommandError } from "../command-error.ts";

/** Makes the folder that an option names, and those above it. */
export function makeFolder(option: string, folder: string): void {
  try {
    makeFolderPath(folder);
  } catch (cause) {
    throw new CommandError(`${option}: cannot make the folder ${folder}: ${fileTrouble(cause)}`, { cause });
  }
}
