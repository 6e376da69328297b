import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../shared/lib/clock.ts";
import type { FileLock } from "../shared/lib/file-lock.ts";
import { makeFolderPath } from "../shared/lib/make-folder-path.ts";
import { keepOwned, ownFolder, removeDeadFolders, removeOwned } from "../shared/lib/owned-folder.ts";
import { type PinnedFolder, pinFolder } from "../shared/lib/pinned-folder.ts";
import { describeLeft } from "../shared/lib/remove-tree.ts";
import type { Folders } from "./executors/executor.ts";
import { endProcesses } from "./watchdog/end-processes.ts";

/** Only this user may look in: workspaces hold what secrets made. */
const PRIVATE = 0o700;
const PREFIX = "runner-";
/** As mkdtemp(3) names them. Folders of an earlier Baton, with more dashes, have no lock, and are left alone. */
const NAME = /^runner-[A-Za-z0-9]{6}$/;

/** The folders of one runner process under the work folder that many runners of a host may share. */
export interface WorkDir {
  readonly root: string;
  /** The work folder, held before any step could mount something over it. */
  readonly above: PinnedFolder;
  /** This process's own, and its lock. */
  readonly own: string;
  readonly lock: FileLock;
  /** Git mirrors, shared by all runners and kept; an ephemeral runner's own. */
  readonly cache: string;
}

/** Makes this process's folder, `runner-<random>`, which it holds the lock of as long as it lives. */
export function openWorkDir(root: string, ephemeral: boolean): WorkDir {
  makeFolderPath(root, PRIVATE);
  const above = pinFolder(root, true);
  const own = mkdtempSync(join(root, PREFIX));
  const lock = ownFolder(own);
  // What one job's steps could leave in a mirror must reach no other's.
  const cache = join(ephemeral ? own : root, "cache");
  makeFolderPath(cache, PRIVATE);
  return { root, above, own, lock, cache };
}

/** Removes this process's folder, unless its workspaces are to be kept. Returns what is left and why, in a line. */
export async function closeWorkDir({ above, own, lock }: WorkDir, keep: boolean): Promise<string | undefined> {
  if (!keep) return describeLeft(await removeOwned(own, { above }));
  await keepOwned(own, lock);
  return undefined;
}

/**
 * Removes what runners left behind that were killed: their folders, and processes of their attempts, which live on only
 * where the watchdogs were killed too. Returns how many are gone, and what is left of others, in lines.
 */
export async function removeLeftovers(
  { root, above }: WorkDir,
  clock: Clock,
): Promise<{ count: number; left: string[] }> {
  const { count, removals } = await removeDeadFolders({
    parent: root,
    above,
    isOne: (name) => NAME.test(name),
    clock,
    async beforeRemoval(path) {
      // The lock is broken, and what a step starts has its path too; neither a watchdog nor a person's shell has.
      const steps = { cookie: `BATON_WORKSPACE=${path}/`, leaders: new Set<number>() };
      await endProcesses(steps, () => 0, clock.monotonicMs);
    },
  });
  return { count, left: removals.flatMap((removal) => describeLeft(removal) ?? []) };
}

/**
 * Where the folders of one attempt are, below a folder of its own. Short names: programs put sockets below HOME and
 * TMPDIR, whose whole path has 107 bytes (unix(7)).
 */
export function foldersBelow(root: string): Folders {
  const folder = (name: string) => join(root, name);
  return {
    root,
    workspace: folder("work"),
    home: folder("h"),
    temporary: folder("t"),
    scripts: folder("s"),
    spool: folder("l"),
    archives: folder("a"),
  };
}

/** Makes them. Synchronous: seven calls of some microseconds, on the way to the first step. */
export function makeFolders(root: string): Folders {
  const folders = foldersBelow(root);
  for (const path of Object.values(folders)) mkdirSync(path, { mode: PRIVATE });
  return folders;
}
