import { setTimeout as wait } from "node:timers/promises";
import { findMembers, type Membership } from "./find-members.ts";

/** How long SIGKILL may take to show. A process in an uninterruptible wait for a disk outlives it. */
const KILL_WAIT_MAX_MS = 5_000;
const LOOK_AGAIN_MS = [2, 5, 10, 20, 50] as const;

export interface Ended {
  /** False where something is still alive. */
  readonly clean: boolean;
  /** How many processes had to be ended. */
  readonly killed: number;
}

/**
 * Ends all processes of an attempt and returns when they are gone: SIGTERM to the groups and to what left them, then
 * SIGKILL from the moment `killAtMs()` on, in rounds, since a process may fork between the look and the kill.
 * `killAtMs` is asked each time, so that a runner's death cuts a grace time short.
 */
export async function endProcesses(
  membership: Membership,
  killAtMs: () => number,
  monotonicMs: () => number,
): Promise<Ended> {
  let members = findMembers(membership);
  const killed = members.length;
  if (members.length > 0 && monotonicMs() < killAtMs()) signalAll(membership, members, "SIGTERM");
  let killingSinceMs: number | undefined;
  for (let look = 0; members.length > 0; look += 1) {
    if (monotonicMs() >= killAtMs()) {
      killingSinceMs ??= monotonicMs();
      if (monotonicMs() - killingSinceMs > KILL_WAIT_MAX_MS) return { clean: false, killed };
      signalAll(membership, members, "SIGKILL");
    }
    await wait(LOOK_AGAIN_MS[Math.min(look, LOOK_AGAIN_MS.length - 1)]);
    members = findMembers(membership);
  }
  return { clean: true, killed };
}

function signalAll({ leaders }: Membership, members: readonly number[], signal: "SIGTERM" | "SIGKILL"): void {
  // Whole groups first, in one call each: a fork bomb cannot outrun that.
  for (const leader of leaders) send(-leader, signal);
  for (const pid of members) send(pid, signal);
  if (signal === "SIGKILL") return;
  // A stopped process acts on SIGTERM only once it is continued.
  for (const leader of leaders) send(-leader, "SIGCONT");
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isOver(error)) throw error;
  }
}

/** Whether a process group still has any process, zombies included: then its id cannot be given to another. */
export function groupExists(leader: number): boolean {
  try {
    process.kill(-leader, 0);
    return true;
  } catch (error) {
    if (isOver(error)) return error instanceof Error && "code" in error && error.code === "EPERM";
    throw error;
  }
}

function isOver(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM");
}
