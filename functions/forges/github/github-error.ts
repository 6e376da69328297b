import { RequestError } from "@octokit/request-error";
import { FORGE_WAIT_MAX_MS } from "../../../shared/domain/limits.ts";
import { messageOf } from "../../../shared/lib/message-of.ts";
import { ForgeError } from "../../../shared/usecases/forge.ts";

/** What GitHub says when it refuses, in the words of a `ForgeError`. */

const MESSAGE_LENGTH_MAX = 300;
/** What GitHub asks for where it names no time of its own. */
const SECONDARY_LIMIT_MS = 60_000;

/** Never names a credential: octokit's own errors hold the request, so they are not passed on as a cause. */
export function toForgeError(error: unknown, nowMs: number): ForgeError {
  if (error instanceof ForgeError) return error;
  if (error instanceof Error && error.cause instanceof ForgeError) return error.cause;
  if (!(error instanceof RequestError) || error.response === undefined)
    return new ForgeError(`the call to GitHub failed: ${shown(messageOf(error))}`, { retry: false });
  const { status } = error;
  const said = `GitHub answered ${status} to ${error.request.method} ${pathOf(error.request.url)}: ${shown(error.message)}`;
  const retryAfterMs = limitedForMs(error, nowMs);
  if (retryAfterMs !== undefined)
    return new ForgeError(said, { status, retry: true, retryAfterMs: Math.min(retryAfterMs, FORGE_WAIT_MAX_MS) });
  return new ForgeError(said, { status, retry: status >= 500 || status === 408 || status === 409 });
}

/**
 * How long a rate limit asks to wait, in milliseconds; undefined where the refusal is none.
 * @see https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 */
function limitedForMs(error: RequestError, nowMs: number): number | undefined {
  if (error.status !== 403 && error.status !== 429) return undefined;
  const headers = error.response?.headers ?? {};
  const retryAfter = Number(headers["retry-after"]);
  if (headers["retry-after"] !== undefined && retryAfter >= 0) return retryAfter * 1_000;
  const resetMs = Number(headers["x-ratelimit-reset"]) * 1_000;
  if (headers["x-ratelimit-remaining"] === "0" && resetMs > 0) return Math.max(0, resetMs - nowMs);
  return error.status === 429 || /rate limit/i.test(error.message) ? SECONDARY_LIMIT_MS : undefined;
}

const pathOf = (url: string) => (URL.canParse(url) ? new URL(url).pathname : "?");

/** One line, bounded; a server that quotes our credential back does not get it into a log. */
function shown(message: string): string {
  return message
    .replace(/\b(gh[a-z]_|github_pat_|bearer\s+|token\s+)[\w.-]{8,}/gi, "$1***")
    .replace(/\p{Cc}+/gu, " ")
    .slice(0, MESSAGE_LENGTH_MAX)
    .toWellFormed();
}
