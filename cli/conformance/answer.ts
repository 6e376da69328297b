import { ApiError } from "../../shared/protocol/client.ts";
import { Violation } from "./check.ts";

/** What a call came to: its reply, or the refusal's status and code. */
export type Answer<T> =
  | { readonly kind: "accepted"; readonly reply: T }
  | { readonly kind: "refused"; readonly status: number; readonly code: string };

/** Waits for the answer; a refusal is one. No answer at all is thrown. */
export async function answerOf<T>(call: Promise<T>): Promise<Answer<T>> {
  try {
    return { kind: "accepted", reply: await call };
  } catch (error) {
    if (error instanceof ApiError) return { kind: "refused", status: error.status, code: error.code };
    throw error;
  }
}

/** Fails the check unless the call was refused with one of these codes. */
export function mustRefuse(what: string, answer: Answer<unknown>, ...codes: readonly string[]): void {
  if (answer.kind === "accepted") throw new Violation(`${what} was accepted; expected ${codes.join(" or ")}`);
  if (!codes.includes(answer.code))
    throw new Violation(`${what} was refused with ${answer.status} ${answer.code}; expected ${codes.join(" or ")}`);
}

/** The reply; fails the check where it was refused. */
export function mustAccept<T>(what: string, answer: Answer<T>): T {
  if (answer.kind === "accepted") return answer.reply;
  throw new Violation(`${what} was refused with ${answer.status} ${answer.code}`);
}
