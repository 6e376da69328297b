import { lstatSync, readFileSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "./clock.ts";
import { type FileLock, tryLock } from "./file-lock.ts";
import { type PinnedFolder, pinFolder } from "./pinned-folder.ts";
import { type Removal, type RemoveOptions, removeFile, removeTree, removeTreeNow } from "./remove-tree.ts";
import { systemCode } from "./system-code.ts";

/**
 * Folders that belong to one process and are removed with it, or by a later one after its death. The kernel's lock on a
 * file in the folder says whether the owner lives: a process id says nothing in another PID namespace or on another host.
 */

const LOCK = "lock";
/** Counts removals that did not get all of it. Its time says when the last was. */
const TRIES = "tries";
const LAST = [LOCK, TRIES];
/** A leftover that cannot be removed is tried again ever later, at most once a day. */
const RETRY_FIRST_MS = 60_000;
const RETRY_FACTOR = 4;
const RETRY_CAP_MS = 86_400_000;

/** Makes a folder this process's, until it is released or this process ends. */
export function ownFolder(path: string): FileLock {
  const lock = tryLock(join(path, LOCK));
  if (lock === undefined) throw new Error(`${path} has another owner already`);
  return lock;
}

/** Removes a folder and, last of all, its lock: what a crash leaves half removed is still known for what it is. */
export function removeOwned(path: string, options: RemoveOptions): Promise<Removal> {
  return removeTree(path, { ...options, last: LAST });
}

/** The same for a process that ends now. */
export function removeOwnedNow(path: string, options: RemoveOptions): Removal {
  return removeTreeNow(path, { ...options, last: LAST });
}

/** The folder is nobody's from now on, and stays. */
export function keepOwned(path: string, lock: FileLock): Promise<void> {
  lock.release();
  return removeFile(join(path, LOCK));
}

/**
 * Removes those folders in `parent` named by `isOne` whose owner is certainly dead: only who has the lock removes. A folder
 * without a lock, of an earlier version or another program, is left alone. `beforeRemoval` ends what else is left of the
 * owner.
 */
export async function removeDeadFolders(options: {
  readonly parent: string;
  readonly above: PinnedFolder;
  readonly isOne: (name: string) => boolean;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly beforeRemoval?: (path: string) => Promise<void>;
}): Promise<{ readonly count: number; readonly removals: readonly Removal[] }> {
  const { parent, above, isOne, clock, signal } = options;
  let count = 0;
  const removals: Removal[] = [];
  for (const name of (await readdir(parent)).filter(isOne)) {
    if (signal?.aborted === true) break;
    const path = join(parent, name);
    const lock = takeOver(path, above, name, clock.nowMs());
    if (lock === undefined) continue;
    try {
      await options.beforeRemoval?.(path);
      const removal = await removeOwned(path, { above, ...(signal === undefined ? {} : { signal }) });
      removals.push(removal);
      if (removal.leftCount === 0) count += 1;
      else noteTry(path);
    } finally {
      lock.release();
    }
  }
  return { count, removals };
}

/** The lock of a folder of ours whose owner is dead, and which is due; undefined where any of this is not certain. */
function takeOver(path: string, above: PinnedFolder, name: string, nowMs: number): FileLock | undefined {
  try {
    const folder = pinFolder(above.at(Buffer.from(name).toString("latin1")));
    folder.close();
    const ours = process.geteuid?.();
    const lock = lstatSync(join(path, LOCK));
    if (folder.mount !== above.mount || lstatSync(path).uid !== ours || lock.uid !== ours || !lock.isFile())
      return undefined;
    return isDue(path, nowMs) ? tryLock(join(path, LOCK)) : undefined;
  } catch (error) {
    // Gone meanwhile, or not ours to open, or not a lock: nobody's death is proven by that.
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

function isDue(path: string, nowMs: number): boolean {
  const file = lstatSync(join(path, TRIES), { throwIfNoEntry: false });
  if (file === undefined) return true;
  const pauseMs = Math.min(RETRY_FIRST_MS * RETRY_FACTOR ** (triesOf(path) - 1), RETRY_CAP_MS);
  return Math.abs(nowMs - file.mtimeMs) > pauseMs;
}

const triesOf = (path: string): number => Number(readFileSync(join(path, TRIES), "utf8")) || 1;

function noteTry(path: string): void {
  const file = join(path, TRIES);
  const tries = lstatSync(file, { throwIfNoEntry: false }) === undefined ? 0 : triesOf(path);
  writeFileSync(file, String(tries + 1), { mode: 0o600 });
}
