import { type ChildProcess, spawn } from "node:child_process";

/**
 * The child replaces the shell; a second shell reads the pipe on fd 3. When this process ends, however it ends, the
 * pipe closes and the child is killed; a line on the pipe sends the guard home instead. POSIX: works in dash and bash.
 */
const GUARD = `exec 3<&0 </dev/null; { read -r _ <&3 || kill -9 $$; } >/dev/null 2>&1 4<&- & exec 3<&-; exec "$@"`;

/** Where a child finds the channel to this process; its number is in the variable NODE_CHANNEL_FD, too. */
export const CHANNEL_FD = 4;

/**
 * Starts a program that does not outlive this process, kill -9 included. Its session is its own, so that a terminal's
 * Ctrl-C reaches only us. stdout is discarded; read stderr. `channel`: with Node's IPC at `CHANNEL_FD`.
 */
export function spawnGuarded(
  command: string,
  args: readonly string[],
  { channel = false }: { readonly channel?: boolean } = {},
): ChildProcess {
  const child = spawn("/bin/sh", ["-c", GUARD, "baton-guard", command, ...args], {
    stdio: ["pipe", "ignore", "pipe", "ignore", channel ? "ipc" : "ignore"],
    detached: true,
  });
  // The guard may be gone first: then there is nobody left to tell.
  child.stdin?.on("error", () => undefined);
  child.once("exit", () => child.stdin?.end("\n"));
  return child;
}
