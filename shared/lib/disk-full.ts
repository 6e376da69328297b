import { messageOf } from "./message-of.ts";
import { systemCode } from "./system-code.ts";

/** Of the system (a full disk, a spent quota), and of SQLite, in which the embedded engine, queues and bucket keep all. */
const CODES = new Set(["ENOSPC", "EDQUOT"]);
const WORDS = /database or disk is full|\bSQLITE_FULL\b|no space left on device/i;
const CAUSES_MAX = 8;

/** Whether something was thrown for want of room on a disk, however deep among its causes. */
export function isDiskFull(thrown: unknown): boolean {
  let error = thrown;
  for (let depth = 0; depth < CAUSES_MAX && error !== undefined && error !== null; depth += 1) {
    if (CODES.has(systemCode(error) ?? "") || WORDS.test(messageOf(error))) return true;
    error = error instanceof Error ? error.cause : undefined;
  }
  return false;
}
