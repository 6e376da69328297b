import { DatabaseSync } from "node:sqlite";

/** Held until `release`, or until this process is gone. */
export interface FileLock {
  release(): void;
}

/**
 * Takes the lock of a file, which is made where there is none; undefined where another process has it. It is an exclusive
 * SQLite transaction, that is, a lock of the kernel's: it ends with the process however that ends (kill -9, too), holds
 * across PID namespaces and containers that share the file, and across hosts where NFS passes locks on. Throws where the
 * file cannot be locked. Whoever holds it must not open and close the file otherwise, which would drop it (fcntl(2)).
 */
export function tryLock(path: string): FileLock | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/.test(error.message)) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}
