import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../shared/lib/clock.ts";
import { isDiskFull } from "../shared/lib/disk-full.ts";
import { damagedFile, StartFailure } from "./start-failure.ts";
import { readTextFile, type StateFolder } from "./state-folder.ts";

/** A predecessor that was just told to go may need this long. */
const PREDECESSOR_MS = 1_500;
const RETRY_MS = 25;

/** Held until `release`, or until this process is gone. */
export interface StateLock {
  release(): void;
}

/**
 * Takes the folder's lock: an exclusive SQLite transaction, that is, a lock of the kernel's. It ends with the process
 * however that ends (kill -9, too), so there is no stale lock to detect and no race in taking one over. Fails
 * `state_locked`.
 */
export async function lockState(folder: StateFolder, clock: Clock): Promise<StateLock> {
  const startedAtMs = clock.monotonicMs();
  for (;;) {
    const lock = tryLock(folder.lockFile);
    if (lock !== undefined) return lock;
    if (clock.monotonicMs() - startedAtMs > PREDECESSOR_MS) throw locked(folder);
    await wait(RETRY_MS);
  }
}

function tryLock(path: string): StateLock | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if (error instanceof Error && /locked|busy/.test(error.message)) return undefined;
    if (isDiskFull(error)) throw error;
    throw damagedFile(path, error, "it holds nothing, so remove it and start again");
  }
  const held = database;
  return { release: () => held.close() };
}

function locked(folder: StateFolder): StartFailure {
  const holder = /"pid":\s*(\d+)/.exec(readTextFile(folder.stackFile) ?? "")?.[1];
  const who = holder === undefined ? "another Baton" : `another Baton (process ${holder})`;
  return new StartFailure("state_locked", `the state folder ${folder.dir} is in use by ${who}; stop it first`);
}
