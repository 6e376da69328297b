import { mkdirSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../shared/lib/clock.ts";
import { removeTree } from "../shared/lib/remove-tree.ts";
import type { Folders } from "./executors/executor.ts";
import { endProcesses } from "./watchdog/end-processes.ts";
import { parseStat } from "./watchdog/find-members.ts";

/** Only this user may look in: workspaces hold what secrets made. */
const PRIVATE = 0o700;
const PREFIX = "runner-";

/** The folders of one runner process under the work folder that many runners of a host may share. */
export interface WorkDir {
  /** This process's own. */
  readonly own: string;
  /** Git mirrors, shared by all runners and kept; an ephemeral runner's own. */
  readonly cache: string;
}

/** Makes this process's folder, named for it: `runner-<pid>-<start>`, so that after a crash anybody can see it is dead. */
export function openWorkDir(root: string, ephemeral: boolean): WorkDir {
  const own = join(root, `${PREFIX}${process.pid}-${startTicksOf(process.pid) ?? 0}`);
  // What one job's steps could leave in a mirror must reach no other's.
  const cache = join(ephemeral ? own : root, "cache");
  mkdirSync(root, { recursive: true, mode: PRIVATE });
  mkdirSync(own, { mode: PRIVATE });
  mkdirSync(cache, { recursive: true, mode: PRIVATE });
  return { own, cache };
}

/**
 * Removes what runners left behind that were killed: their folders, and processes of their attempts, which live on only
 * where the watchdogs were killed too. A process's id may be in use again: its start time tells.
 */
export async function removeLeftovers(root: string, clock: Clock): Promise<number> {
  const dead = (await readdir(root)).filter((name) => name.startsWith(PREFIX) && !isAlive(name));
  for (const name of dead) {
    // What a step starts has it too; neither a watchdog nor a person's shell in a kept workspace has.
    const steps = { cookie: `BATON_WORKSPACE=${join(root, name)}/`, leaders: new Set<number>() };
    await endProcesses(steps, () => 0, clock.monotonicMs);
    await removeTree(join(root, name));
  }
  return dead.length;
}

function isAlive(name: string): boolean {
  const [pid, ticks] = name.slice(PREFIX.length).split("-").map(Number);
  return pid !== undefined && startTicksOf(pid) === ticks;
}

function startTicksOf(pid: number): number | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1")).startTicks;
  } catch {
    // No such process.
    return undefined;
  }
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
