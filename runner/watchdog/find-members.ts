import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Space } from "./space.ts";

/** What belongs to an attempt: processes with its cookie in their environment, and those of its steps' sessions. */
export interface Membership {
  /** `<run>/<job>/<fence>/<random>`, which each step has in BATON_ATTEMPT, and so have its children. */
  readonly cookie: string;
  /** Ids of the steps' leaders, each of which began a session and a process group of its own. */
  readonly leaders: ReadonlySet<number>;
  /** Where the steps have namespaces of their own: every process there is a member, whatever it did to its environment. */
  readonly space?: Space | undefined;
}

export interface Member {
  readonly pid: number;
  readonly group: number;
}

/**
 * The living processes of an attempt, from /proc. A child that left the group is still in the session, one that left the
 * session (setsid) still has the cookie, and one that cleared its environment as well is still the child of a member:
 * the idea is that of Jenkins' ProcessTreeKiller. What does all of that and outlives its parent escapes; only a sandbox
 * or a container holds that. Zombies are gone for us: they run nothing, and where init does not reap them they stay.
 */
export function findMembers(membership: Membership): Member[] {
  const all = listProcesses().filter(({ pid, state }) => pid !== process.pid && state !== "Z" && state !== "X");
  const children = Map.groupBy(all, ({ parent }) => parent);
  const found = new Map(all.filter((one) => isMember(one, membership)).map((one) => [one.pid, one]));
  // A map's iteration goes on with what is added to it.
  for (const pid of found.keys()) for (const child of children.get(pid) ?? []) found.set(child.pid, child);
  return [...found.values()];
}

function isMember({ pid, group, session }: ProcessStat, { cookie, leaders, space }: Membership): boolean {
  if (leaders.has(group) || leaders.has(session)) return true;
  if (space !== undefined && linkOf(pid, "pid") === space.pidNamespace && linkOf(pid, "user") !== space.outerUsers)
    return true;
  return readOf(pid, "environ")?.includes(cookie) ?? false;
}

/**
 * Whether a session that a process began still has any process, zombies included: then the kernel gives its id to no
 * other process.
 */
export function sessionExists(leader: number): boolean {
  return listProcesses().some(({ session }) => session === leader);
}

/** When a process started, in clock ticks since boot: with its id, an identity. Undefined where there is none. */
export function startTicksOf(pid: number): number | undefined {
  const stat = readOf(pid, "stat");
  return stat === undefined ? undefined : parseStat(stat).startTicks;
}

/** False where /proc is another PID namespace's: its numbers are then other processes here. */
export function isProcOurs(): boolean {
  return readlinkSync("/proc/self") === String(process.pid);
}

interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startTicks: number;
}

function listProcesses(): ProcessStat[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? readOf(pid, "stat") : undefined;
    return stat === undefined ? [] : [{ pid, ...parseStat(stat) }];
  });
}

/** The fields after the command's name, which itself may hold spaces and brackets (proc(5)). */
export function parseStat(stat: string): Omit<ProcessStat, "pid"> {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks: Number(fields[19]),
  };
}

/** Undefined where the process has ended, or is another user's, who is none of ours. */
function readOf(pid: number, file: "stat" | "environ"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function linkOf(pid: number, namespace: "pid" | "user"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${namespace}`);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

const GONE = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && GONE.has(error.code);
}
