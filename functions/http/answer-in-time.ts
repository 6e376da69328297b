import { DomainError } from "../../shared/domain/errors.ts";
import { HTTP_ANSWER_MS } from "../../shared/domain/limits.ts";
import type { Observer } from "../observe.ts";

/**
 * What the work answers, or `not_ready` while the caller still listens: a table that takes requests and is silent would
 * have the function killed, which tells the caller nothing. The work is then as one whose answer was lost: it may still
 * have its effect.
 */
export async function answerInTime<T>(log: Observer["log"], work: () => Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    log.warn("no answer in time", { withinMs: HTTP_ANSWER_MS });
    const message = `what this control plane stands on did not answer within ${HTTP_ANSWER_MS / 1_000} s: ask again`;
    late.reject(new DomainError("not_ready", message));
  }, HTTP_ANSWER_MS);
  const answer = work();
  answer.catch((error: unknown) => {
    if (isLate) log.error("failed after its caller was answered", error);
  });
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
