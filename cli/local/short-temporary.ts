import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";

/**
 * With more, a job's TMPDIR below it has no room for the sockets of programs: a whole path has 107 bytes (unix(7)), of
 * which Baton's own folders take 40, and Python's multiprocessing, among the longest, 32.
 */
const LENGTH_MAX = 35;
const SHORT = "/tmp";

/** Where temporary folders go: below the one that is wanted, or below /tmp where its path is too long. */
export async function roomForSockets(wanted: string): Promise<string> {
  return Buffer.byteLength(wanted) <= LENGTH_MAX || !(await isUsable(SHORT)) ? wanted : SHORT;
}

async function isUsable(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return (await stat(folder)).isDirectory();
  } catch {
    return false; // not here, or not for us
  }
}
