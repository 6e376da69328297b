const DISK_FULL = new Set(["ENOSPC", "EDQUOT"]);

/** The host's failure, not the job's, however deep it is wrapped. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && typeof error.code === "string" && DISK_FULL.has(error.code)) return true;
  return /No space left on device|Disk quota exceeded/.test(error.message) || isDiskFull(error.cause);
}
