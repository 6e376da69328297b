import { constants } from "node:os";

/**
 * Signals that this process was started to ignore, as nohup and the background jobs of a shell are, stay ignored (POSIX:
 * an ignored signal stays so through exec). Node resets them all at its start, so the script that starts Node says which.
 */

/** What a person or a manager sends. Without SIGTTIN and SIGTTOU: a listener would turn their ignoring into a loop. */
const SIGNALS = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGALRM"] as const;
/** A mask of the kernel: 16 hexadecimal digits (proc_pid_status(5), SigIgn). */
const VARIABLE = "BATON_IGNORED_SIGNALS";

let ignored: ReadonlySet<string> = new Set();

/** Ignores what the variable says, and removes it: children start with every signal as usual. */
export function keepIgnoredSignals(env: Record<string, string | undefined>): void {
  const mask = env[VARIABLE] ?? "";
  delete env[VARIABLE];
  if (!/^[0-9a-f]{1,32}$/i.test(mask)) return;
  const bits = BigInt(`0x${mask}`);
  const found = SIGNALS.filter((signal) => (bits & (1n << BigInt(constants.signals[signal] - 1))) !== 0n);
  for (const signal of found) process.on(signal, stay);
  ignored = new Set(found);
}

/** The signals of a list that this process may act on. */
export function heededSignals<T extends NodeJS.Signals>(signals: readonly T[]): T[] {
  return signals.filter((signal) => !ignored.has(signal));
}

function stay(): void {}
