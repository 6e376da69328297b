import { messageOf } from "../shared/lib/message-of.ts";

/** Why the embedded stack could not start. The parent turns it into one line for a person. */

export const START_FAILURES = [
  "bad_options",
  "node_too_old",
  "port_in_use",
  "engine_missing",
  "engine_failed",
  "state_locked",
  "state_unwritable",
  "state_damaged",
  "start_failed",
] as const;
export type StartFailureCode = (typeof START_FAILURES)[number];

/** Something that a person can put right; its message is one clear line. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
  readonly code: StartFailureCode;

  constructor(code: StartFailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A file of the state folder that does not hold what Baton writes there. `remedy`: what to do about it, and what that loses. */
export function damagedFile(path: string, cause: unknown, remedy: string): StartFailure {
  const why = messageOf(cause).split("\n")[0]?.slice(0, WHY_LENGTH_MAX) ?? "";
  return new StartFailure("state_damaged", `${path} is damaged (${why}): ${remedy}`, { cause });
}
const WHY_LENGTH_MAX = 200;
