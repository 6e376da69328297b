import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "./system-code.ts";

/**
 * Makes a folder that somebody names, and those above it. Node's own `recursive` never ends where a folder is there and takes
 * none, as /proc does, or one that was removed: it goes round between the two. Throws what the file system says, or in
 * words what it does not say.
 */
export function makeFolderPath(path: string, mode = 0o777): void {
  if (makeOne(path, mode)) return;
  const above = dirname(path);
  if (above === path) throw noFolderAt(path);
  makeFolderPath(above, mode);
  if (!makeOne(path, mode)) throw noFolderAt(above);
}

/** Whether the folder is there now; false where the one above it is not. */
function makeOne(path: string, mode: number): boolean {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    if (systemCode(error) !== "EEXIST") throw error;
    return isFolder(path, error);
  }
}

function isFolder(path: string, inTheWay: unknown): true {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new Error(`the link ${path} leads to nothing`);
  if (!found.isDirectory()) throw inTheWay;
  return true;
}

const noFolderAt = (path: string): Error => new Error(`no folder can be made in ${path}`);
