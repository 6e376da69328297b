import type { Failure } from "../shared/protocol/products.ts";

/**
 * An artifact of another job that this one could not get. Never the job's own failure: it has not begun. The message is
 * for people, and names whose artifact it is.
 */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly failure: Failure & { readonly class: "infra" | "tooling" };

  constructor(failureClass: "infra" | "tooling", message: string, options: ErrorOptions) {
    super(message, options);
    this.failure = { class: failureClass, message };
  }
}
