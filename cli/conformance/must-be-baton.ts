import { exchangeOverHttp } from "../../shared/lib/http-call.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import { parseJson } from "../../shared/lib/parse-json.ts";
import { UnreachableError } from "../../shared/protocol/client.ts";
import type { Route } from "../../shared/protocol/route.ts";
import { type RouteName, routes } from "../../shared/protocol/routes.ts";
import { CommandError } from "../command-error.ts";
import { bareStatus } from "./bare-status.ts";

const HEALTH_TIMEOUT_MS = 10_000;
const NAMED_MAX = 5;
/** What a gateway says of a path, or of a method of a path, that it does not have. A route that is there asks for a token. */
const MISSING = new Set([404, 405]);

/**
 * Throws where the URL is no control plane, or one that lacks routes of this version. Checks would call each of them a
 * promise that is broken, and that is none that it gave.
 */
export async function mustBeBaton(url: string): Promise<void> {
  await mustBeHealthy(url);
  const asked = (Object.entries(routes) as [RouteName, Route][]).filter(([, { access }]) => access !== "open");
  const missing: string[] = [];
  for (const [, route] of asked)
    if (MISSING.has(await answerOf(url, bareStatus(url, route)))) missing.push(`${route.method} ${route.path}`);
  if (missing.length === 0) return;
  if (missing.length === asked.length) throw noBaton(url, "it has none of Baton's routes");
  const more = missing.length > NAMED_MAX ? ` and ${missing.length - NAMED_MAX} more` : "";
  throw new CommandError(
    `${url} is an older Baton: it has no ${missing.slice(0, NAMED_MAX).join(", ")}${more}; update it, or take the \`baton\` of its version`,
  );
}

async function mustBeHealthy(url: string): Promise<void> {
  const request = { method: "GET", url: `${url}${routes.health.path}`, headers: {} };
  const answer = exchangeOverHttp(request, AbortSignal.timeout(HEALTH_TIMEOUT_MS));
  const { status, text } = await answerOf(url, answer);
  if (status === 200 && isHealth(text)) return;
  throw noBaton(url, `${routes.health.path} answers ${status}, and not as Baton's does`);
}

async function answerOf<T>(url: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    throw new UnreachableError(`no answer from ${url}: ${messageOf(cause)}`, { cause });
  }
}

function isHealth(text: string): boolean {
  return routes.health.reply.safeParse(parseJson(text)).success;
}

function noBaton(url: string, why: string): CommandError {
  return new CommandError(`${url} is no Baton control plane, or one that is not well (${why}): look at its URL`);
}
