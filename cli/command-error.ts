import { EXIT } from "./exit-codes.ts";

/** Ends a command with one line for the user: what went wrong, where, why, and what to do. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;
  /** Further lines, printed below the first. */
  readonly notes: readonly string[];

  constructor(message: string, options: { exitCode?: number; notes?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.exitCode = options.exitCode ?? EXIT.couldNotRun;
    this.notes = options.notes ?? [];
  }
}
