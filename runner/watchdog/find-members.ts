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

/**
 * The living processes of an attempt, from /proc. A child that left the group is still in the session, and one that
 * left the session (setsid) still has the cookie: the idea is that of Jenkins' ProcessTreeKiller. What clears its
 * environment *and* leaves the session escapes; only a container executor holds that. Zombies are gone for us: they
 * run nothing, and where init does not reap them they stay for ever.
 */
export function findMembers(membership: Membership): number[] {
  const members: number[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (isMember(pid, membership)) members.push(pid);
  }
  return members;
}

function isMember(pid: number, { cookie, leaders, space }: Membership): boolean {
  const stat = readOf(pid, "stat");
  if (stat === undefined) return false;
  const { state, group, session } = parseStat(stat);
  if (state === "Z" || state === "X") return false;
  if (leaders.has(group) || leaders.has(session)) return true;
  if (space !== undefined && linkOf(pid, "pid") === space.pidNamespace && linkOf(pid, "user") !== space.outerUsers)
    return true;
  return readOf(pid, "environ")?.includes(cookie) ?? false;
}

/** The fields after the command's name, which itself may hold spaces and brackets (proc(5)). */
export function parseStat(stat: string): { state: string; group: number; session: number; startTicks: number } {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    state: fields[0] ?? "",
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
