import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../shared/lib/clock.ts";
import { isDiskFull } from "../shared/lib/disk-full.ts";
import { type FileLock, tryLock } from "../shared/lib/file-lock.ts";
import { damagedFile, StartFailure } from "./start-failure.ts";
import { readTextFile, type StateFolder } from "./state-folder.ts";

/** A predecessor that was just told to go may need this long. */
const PREDECESSOR_MS = 1_500;
const RETRY_MS = 25;

/**
 * Takes the folder's lock, which ends with the process however that ends: there is no stale lock to detect and no race in
 * taking one over. Fails `state_locked`.
 */
export async function lockState(folder: StateFolder, clock: Clock): Promise<FileLock> {
  const startedAtMs = clock.monotonicMs();
  for (;;) {
    const lock = tryStateLock(folder.lockFile);
    if (lock !== undefined) return lock;
    if (clock.monotonicMs() - startedAtMs > PREDECESSOR_MS) throw locked(folder);
    await wait(RETRY_MS);
  }
}

function tryStateLock(path: string): FileLock | undefined {
  try {
    return tryLock(path);
  } catch (error) {
    if (isDiskFull(error)) throw error;
    throw damagedFile(path, error, "it holds nothing, so remove it and start again");
  }
}

function locked(folder: StateFolder): StartFailure {
  const holder = /"pid":\s*(\d+)/.exec(readTextFile(folder.stackFile) ?? "")?.[1];
  const who = holder === undefined ? "another Baton" : `another Baton (process ${holder})`;
  return new StartFailure("state_locked", `the state folder ${folder.dir} is in use by ${who}; stop it first`);
}
