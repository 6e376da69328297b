import { RequestError } from "@octokit/request-error";
import { z } from "zod";
import { FORGE_WAIT_MAX_MS } from "../../../shared/domain/limits.ts";
import type { RefusalKind } from "../../../shared/domain/refusals.ts";
import { messageOf } from "../../../shared/lib/message-of.ts";
import { ForgeError } from "../../../shared/usecases/forge.ts";

/** What GitHub says when it refuses, in the words of a `ForgeError`, and what that asks of us: for all calls here. */

const MESSAGE_LENGTH_MAX = 300;
/** What GitHub asks for where it names no time of its own. */
const SECONDARY_LIMIT_MS = 60_000;

/** Never names a credential: octokit's own errors hold the request, so they are not passed on as a cause. */
export function toForgeError(error: unknown, nowMs: number): ForgeError {
  if (error instanceof ForgeError) return error;
  if (error instanceof Error && error.cause instanceof ForgeError) return error.cause;
  if (!(error instanceof RequestError) || error.response === undefined)
    return new ForgeError(`the call to GitHub failed: ${shown(messageOf(error))}`, { kind: "passing" });
  const { status } = error;
  const path = pathOf(error.request.url);
  const said = `GitHub answered ${status} to ${error.request.method} ${path}: ${shown(error.message)}`;
  const retryAfterMs = limitedForMs(error, nowMs);
  if (retryAfterMs !== undefined)
    return new ForgeError(said, {
      status,
      kind: "limited",
      retryAfterMs: Math.min(retryAfterMs, FORGE_WAIT_MAX_MS),
    });
  const kind = isOfGithub(error)
    ? kindOf(status, error.message, `${error.request.method} ${path}`)
    : strangersKind(status);
  return new ForgeError(said, { status, kind });
}

/** GitHub's refusals are JSON with a message. */
const refusal = z.object({ message: z.string() });
const isOfGithub = (error: RequestError): boolean => refusal.safeParse(error.response?.data).success;

/** Of an answer that is somebody else's, a proxy's or a load balancer's: it says nothing of what was asked. */
function strangersKind(status: number): RefusalKind {
  return [401, 402, 403, 404, 407, 451].includes(status) ? "mendable" : "passing";
}

/**
 * Calls that are about whether we may see a repository at all, or may report to it: 404 is then what GitHub says instead of 403. Of a
 * commit that it does not know it says 422 to a report.
 */
const ACCESS =
  /^(?:\S+ (?:\/api\/v3)?\/(?:app(?:\/.*)?|user|repos\/[^/]+\/[^/]+(?:\/installation)?|repositories\/\d+)|POST \S+\/(?:statuses\/[^/]+|check-runs))$/;
const UNKNOWN_COMMIT =
  /no commit found|commit\b.*\bnot found|could not resolve|\b(?:object|sha)\b.*\bdoes(?: not|n't) exist/i;
/** To an App that asks for a token: whatever keeps it from one is about its installation. */
const TOKEN = /\/app\/installations\/\d+\/access_tokens$/;

function kindOf(status: number, message: string, call: string): RefusalKind {
  if (status >= 500 || [408, 409, 423, 425, 429].includes(status)) return "passing";
  switch (status) {
    case 401:
    case 402:
    case 403:
      return "mendable";
    case 404:
      return ACCESS.test(call) ? "mendable" : "lagging";
    case 422:
      if (UNKNOWN_COMMIT.test(message)) return "lagging";
      return TOKEN.test(call) ? "mendable" : "final";
    default:
      return "final";
  }
}

/**
 * How long a rate limit asks to wait, in milliseconds; undefined where the refusal is none. A time of day is GitHub's, so it
 * is counted from the time at which GitHub says it answered.
 * @see https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 */
function limitedForMs(error: RequestError, nowMs: number): number | undefined {
  if (error.status !== 403 && error.status !== 429) return undefined;
  const headers = error.response?.headers ?? {};
  const saidAtMs = Date.parse(String(headers.date));
  const answeredAtMs = Number.isNaN(saidAtMs) ? nowMs : saidAtMs;
  const retryAfter = String(headers["retry-after"] ?? "").trim();
  if (retryAfter !== "" && Number(retryAfter) >= 0) return Number(retryAfter) * 1_000;
  const retryAtMs = Date.parse(retryAfter);
  if (!Number.isNaN(retryAtMs)) return Math.max(0, retryAtMs - answeredAtMs);
  const resetMs = Number(headers["x-ratelimit-reset"]) * 1_000;
  if (String(headers["x-ratelimit-remaining"]) === "0" && resetMs > 0) return Math.max(0, resetMs - answeredAtMs);
  return error.status === 429 || /rate limit|abuse detection/i.test(error.message) ? SECONDARY_LIMIT_MS : undefined;
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
