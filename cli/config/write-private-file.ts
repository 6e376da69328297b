import { randomUUID } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { makeFolderPath } from "../../shared/lib/make-folder-path.ts";
import { removeFile } from "../../shared/lib/remove-tree.ts";
import { CommandError } from "../command-error.ts";

/** Replaces a file in one step; only its owner may read it (0600), and its folder where that is made here (0700). Throws CommandError. */
export async function writePrivateFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  try {
    makeFolderPath(dirname(file), 0o700);
    await writeFile(draft, text, { mode: 0o600, flag: "wx" });
    await rename(draft, file);
  } catch (cause) {
    await removeFile(draft).catch(() => undefined); // where there is no folder there is no draft either
    throw new CommandError(`cannot write ${file}: ${fileTrouble(cause)}`, { cause });
  }
}
