/** Why the embedded stack could not start. The parent turns it into one line for a person. */

export const START_FAILURES = [
  "bad_options",
  "node_too_old",
  "port_in_use",
  "engine_missing",
  "engine_failed",
  "state_locked",
  "state_unwritable",
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
