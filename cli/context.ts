import type { Clock } from "../shared/lib/clock.ts";
import type { CliEnvironment } from "./environment.ts";
import type { Output } from "./print/output.ts";

/** What every command gets: the environment read once, the clock, and where to print. */
export interface Context {
  readonly environment: CliEnvironment;
  readonly clock: Clock;
  /** Results. */
  readonly out: Output;
  /** Progress, warnings and errors. */
  readonly err: Output;
  /** Aborted when nobody reads stdout or stderr any more. Where nobody listens to it, the process ends then. */
  readonly readerGone: AbortSignal;
}
