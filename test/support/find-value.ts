import { type Dirent, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where a value that nobody may see can be seen. */

/** How many processes of this machine show one of the values, and where. */
export function shownOnThisMachine(values: readonly string[]): { commandLines: number; environments: number } {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const showing = (file: string) => pids.filter((pid) => holds(readIfThere(join("/proc", pid, file)), values)).length;
  return { commandLines: showing("cmdline"), environments: showing("environ") };
}

/** Files below a folder that hold one of the values, or are named so. */
export function findInFiles(folder: string, values: readonly string[]): string[] {
  const files = filesBelow(folder);
  return files.filter((file) => holds(readIfThere(file), values) || holds(Buffer.from(file), values));
}

/** Folders go while one looks, too. */
function filesBelow(folder: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

const holds = (content: Buffer, values: readonly string[]) => values.some((value) => content.includes(value));

/** Processes and files go while one looks; those of other users are not ours to read. */
function readIfThere(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) return Buffer.alloc(0);
    throw error;
  }
}
