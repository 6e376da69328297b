import { type ChildProcess, spawn } from "node:child_process";

/**
 * The program replaces the shell; a second shell reads the pipe on fd 3. When this process ends, however it ends, the pipe
 * closes and the program's whole group is killed; a line on the pipe sends the guard home instead. POSIX: in dash, `kill`
 * knows no `--`.
 */
const GUARD = 'exec 3<&0 </dev/null; { read -r _ <&3 || kill -9 -$$; } >/dev/null 2>&1 & exec 3<&-; exec "$@"';

export interface GroupOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** A file descriptor for all that it says. */
  readonly log: number;
}

/** Starts a program in a session of its own, none of whose processes outlives this one, kill -9 included. */
export function spawnGuardedGroup(command: readonly string[], { cwd, env, log }: GroupOptions): ChildProcess {
  const stdio: ["pipe", number, number] = ["pipe", log, log];
  const child = spawn("/bin/sh", ["-c", GUARD, "baton-guard", ...command], { cwd, env, detached: true, stdio });
  // The guard may be gone first: then there is nobody left to tell.
  child.stdin?.on("error", () => undefined);
  return child;
}

/** From now on it may outlive this process. */
export function letLive(child: ChildProcess): void {
  child.stdin?.end("\n");
  child.unref();
}
