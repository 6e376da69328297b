import { setTimeout as wait } from "node:timers/promises";
import { findMembers, type Member, type Membership } from "./find-members.ts";

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
 * Ends all processes of an attempt and returns when they are gone: one SIGTERM for each, since programs take a second one
 * for "now"; then SIGKILL from the moment `killAtMs()` on, in rounds, since a process may fork between the look and the kill.
 * `killAtMs` is asked each time, so that a runner's death cuts a grace time short.
 */
export async function endProcesses(
  membership: Membership,
  killAtMs: () => number,
  monotonicMs: () => number,
): Promise<Ended> {
  let members = findMembers(membership);
  const killed = members.length;
  if (members.length > 0 && monotonicMs() < killAtMs()) terminate(membership, members);
  let killingSinceMs: number | undefined;
  for (let look = 0; members.length > 0; look += 1) {
    if (monotonicMs() >= killAtMs()) {
      killingSinceMs ??= monotonicMs();
      if (monotonicMs() - killingSinceMs > KILL_WAIT_MAX_MS) return { clean: false, killed };
      kill(membership, members);
    }
    await wait(LOOK_AGAIN_MS[Math.min(look, LOOK_AGAIN_MS.length - 1)]);
    members = findMembers(membership);
  }
  return { clean: true, killed };
}

/** A group gets its signal in one call; only what is in none of the steps' groups gets one of its own. */
function terminate({ leaders }: Membership, members: readonly Member[]): void {
  const groups = new Set(members.map(({ group }) => group).filter((group) => leaders.has(group)));
  const others = members.filter(({ group }) => !groups.has(group));
  // A stopped process acts on SIGTERM only once it is continued.
  for (const signal of ["SIGTERM", "SIGCONT"] as const) {
    for (const group of groups) send(-group, signal);
    for (const { pid } of others) send(pid, signal);
  }
}

function kill({ leaders }: Membership, members: readonly Member[]): void {
  // Whole groups first, in one call each: a fork bomb cannot outrun that.
  for (const leader of leaders) send(-leader, "SIGKILL");
  for (const { pid } of members) send(pid, "SIGKILL");
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
