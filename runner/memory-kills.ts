import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * How many processes the kernel has killed for lack of memory so far: in the runner's own cgroup, which its steps share,
 * and on the whole host. Undefined where that cannot be read. Counters of the kernel, readable by everybody.
 */
export interface MemoryKills {
  readonly own: number | undefined;
  readonly host: number | undefined;
}

const NAME = "oom_kill";

/** Finds the counters once. Each call then costs two small reads. */
export function memoryKillCounter(): () => MemoryKills {
  const own = ownCounterFile();
  return () => ({ own: own === undefined ? undefined : readCount(own), host: readCount("/proc/vmstat") });
}

/** What the kernel says of the time between: that it killed here, on this host without saying where, or neither. */
export function memoryKilledBetween(before: MemoryKills, after: MemoryKills): "here" | "on the host" | undefined {
  if (before.own !== undefined && after.own !== undefined) return after.own > before.own ? "here" : undefined;
  if (before.host !== undefined && after.host !== undefined && after.host > before.host) return "on the host";
  return undefined;
}

/** `memory.events` of cgroup v2, else `memory.oom_control` of v1; the root cgroup has neither. */
function ownCounterFile(): string | undefined {
  try {
    const groups = readFileSync("/proc/self/cgroup", "utf8");
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    const files = counterFiles(groups, mounts);
    return files.find((file) => readCount(file) !== undefined);
  } catch {
    return undefined; // no /proc as Linux has it: nothing is known, and nothing is said
  }
}

/** Where a process's counters may be, by the texts of its /proc/self/cgroup (cgroups(7)) and /proc/self/mountinfo. */
export function counterFiles(groups: string, mounts: string): string[] {
  const found: string[] = [];
  for (const line of groups.trimEnd().split("\n")) {
    const [number, controllers = "", ...rest] = line.split(":");
    const path = rest.join(":");
    const unified = number === "0" && controllers === "";
    if (!unified && !controllers.split(",").includes("memory")) continue;
    for (const mount of mounts.split("\n")) {
      const [, , , root = "", at = ""] = mount.split(" ");
      const [type = "", , options = ""] = mount.slice(mount.indexOf(" - ") + 3).split(" ");
      const fits = unified ? type === "cgroup2" : type === "cgroup" && options.split(",").includes("memory");
      if (!fits) continue;
      // A container's mount shows a part of the tree only.
      const inside = root !== "/" && path.startsWith(root) ? path.slice(root.length) : path;
      found.push(join(at, inside, unified ? "memory.events" : "memory.oom_control"));
    }
  }
  return found;
}

function readCount(file: string): number | undefined {
  try {
    const text = readFileSync(file, "latin1");
    const count = new RegExp(`^${NAME} (\\d+)$`, "m").exec(text)?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined; // not of this kernel, or not for us
  }
}
