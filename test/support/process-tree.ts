import { readdirSync, readFileSync } from "node:fs";

/** Processes as /proc tells of them (proc(5)). */

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks of user and system time, of all its threads. */
  readonly cpuTicks: number;
  readonly command: string;
}

/** Ticks of a second: USER_HZ, 100 on every Linux that runs Node. */
export const TICKS_PER_SECOND = 100;

/** A process and all below it that live. */
export function processTree(root: number): ProcessInfo[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
  const found = all.filter(({ pid }) => pid === root);
  for (const parent of found) found.push(...all.filter((one) => one.parent === parent.pid));
  return found;
}

/** Undefined where it has ended meanwhile. */
function readProcess(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
    return { pid, parent: Number(fields[1]), cpuTicks: Number(fields[11]) + Number(fields[12]), command };
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return undefined;
    throw error;
  }
}

/** A field of /proc/PID/status, in bytes: `VmRSS` what it holds now, `VmHWM` the most that it ever held. */
export function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no ${field}`);
  return Number(kilobytes) * 1_024;
}
