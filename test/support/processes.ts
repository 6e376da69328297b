import { readFileSync } from "node:fs";
import { systemCode } from "../../shared/lib/system-code.ts";

/** Sends a signal to a process, or to none where it has ended by itself since it was found. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (systemCode(error) !== "ESRCH") throw error;
  }
}

/** True until the process has ended; one that ended and was not yet collected by its parent counts as ended. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^\d+ \(.*\) [ZX] /.test(stat);
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes(systemCode(error) ?? "")) return false;
    throw error;
  }
}
