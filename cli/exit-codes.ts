/** What a command's end means to a script. Signals end with 128 + their number, as a shell says it. */
export const EXIT = {
  ok: 0,
  /** The run ended, and a check failed; or `validate` found problems. */
  checkFailed: 1,
  /** It could not be run: wrong usage, no control plane, a plan that fails, a job that was lost. */
  couldNotRun: 2,
} as const;

/** The exit code of a program that a signal ended. */
export const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143, SIGPIPE: 141 } as const;
/** SIGPIPE stands for a reader of our output that has gone: no such signal comes. */
export type StopSignal = keyof typeof SIGNAL_EXIT;
