import { isUtf8 } from "node:buffer";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import type { z } from "zod";
import { DomainError } from "../../shared/domain/errors.ts";
import { BODY_BYTES_MAX, ISSUES_MAX, PROBLEM_LENGTH_MAX } from "../../shared/domain/limits.ts";
import { shorten } from "../../shared/lib/cut.ts";
import type { Route } from "../../shared/protocol/route.ts";

export interface ParsedRequest {
  readonly query: unknown;
  readonly headers: unknown;
  readonly body: unknown;
}

/** Parses what the path names, strictly: a lease token is only good for one path. Throws `bad_request`. */
export function parseParams(route: Route, event: APIGatewayProxyEventV2): Record<string, unknown> {
  return parsePart("path", route.params, decoded(event.pathParameters ?? {})) as Record<string, unknown>;
}

/** Parses every other part strictly. Throws `bad_request` naming each field that is wrong, or `too_large`. */
export function parseRequest(route: Route, event: APIGatewayProxyEventV2): ParsedRequest {
  return {
    query: route.query === undefined ? undefined : parsePart("query", route.query, event.queryStringParameters ?? {}),
    headers: route.headers === undefined ? undefined : parsePart("headers", route.headers, event.headers),
    body: route.body === undefined ? undefined : parsePart("body", route.body, readJson(event)),
  };
}

function decoded(params: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, value === undefined ? value : decodeOne(value)]),
  );
}

function decodeOne(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (cause) {
    throw new DomainError("bad_request", `the path holds a malformed escape: ${value}`, undefined, { cause });
  }
}

function parsePart(part: string, schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const problems = issues.slice(0, ISSUES_MAX).map((issue) => ({
    path: shorten([part, ...issue.path].join("."), PROBLEM_LENGTH_MAX),
    message: shorten(issue.message, PROBLEM_LENGTH_MAX),
  }));
  const told = problems.map(({ path, message }) => `${path}: ${message}`);
  const more = issues.length > ISSUES_MAX ? [`… and ${issues.length - ISSUES_MAX} more`] : [];
  throw new DomainError("bad_request", [...told, ...more].join("; "), { problems });
}

function readJson(event: APIGatewayProxyEventV2): unknown {
  const bytes = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (bytes.length > BODY_BYTES_MAX) {
    throw new DomainError("too_large", `a request has at most ${BODY_BYTES_MAX} bytes, this one ${bytes.length}`);
  }
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw new DomainError("bad_request", "the body is not UTF-8");
  const text = bytes.toString("utf8");
  // Only an escape can bring half of a pair, and looking at every value costs as much as reading them.
  return parseJson(text, /\\u[dD][89a-fA-F]/.test(text) ? refuseHalves : undefined);
}

function parseJson(text: string, look: typeof refuseHalves | undefined): unknown {
  try {
    return JSON.parse(text, look);
  } catch (cause) {
    if (cause instanceof DomainError) throw cause;
    throw new DomainError("bad_request", "the body is not JSON", undefined, { cause });
  }
}

/** DynamoDB stores no half of a surrogate pair: the write would fail as `internal`, however often it is tried. */
function refuseHalves(key: string, value: unknown): unknown {
  if (key.isWellFormed() && (typeof value !== "string" || value.isWellFormed())) return value;
  throw new DomainError("bad_request", "the body holds half of a surrogate pair, which is no text");
}
