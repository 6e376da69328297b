import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Processes that are just being killed may still write: a folder that is not empty any more is removed again. */
const RETRIES_MAX = 5;
const RETRY_MS = 100;

/**
 * Removes a tree, whatever steps left in it: folders without write permission, as Go's module cache has them, and paths
 * longer than the kernel takes at once, which find(1) and rm(1) walk folder by folder. Links are not followed. The path
 * must be absolute. Throws what rm(1) says.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: RETRIES_MAX, retryDelay: RETRY_MS });
  } catch {
    // One by one, since a folder is entered only after it was opened to us. Files keep their mode: others may link them.
    await run("find", [path, "-type", "d", "!", "-perm", "-700", "-execdir", "chmod", "u+rwx", "{}", ";"]);
    await run("rm", ["-rf", "--", path]);
  }
}
