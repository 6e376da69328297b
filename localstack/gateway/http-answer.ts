import { FAILURES } from "../../shared/domain/errors.ts";
import { PROBLEM_LENGTH_MAX } from "../../shared/domain/limits.ts";
import { shorten } from "../../shared/lib/cut.ts";

/** What goes back over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer | string;
}

/** A Lambda's answer as API Gateway sends it; undefined where it is not one. */
export function answerOf(result: unknown): HttpAnswer | undefined {
  if (typeof result !== "object" || result === null || !("statusCode" in result)) return undefined;
  const { statusCode, headers, cookies, body, isBase64Encoded } = result as Record<string, unknown>;
  if (typeof statusCode !== "number") return undefined;
  const text = typeof body === "string" ? body : "";
  return {
    status: statusCode,
    headers: { ...headersOf(headers), ...(Array.isArray(cookies) ? { "set-cookie": cookies.map(String) } : {}) },
    body: isBase64Encoded === true ? Buffer.from(text, "base64") : text,
  };
}

/** A refusal of the gateway's own, in the API's one envelope. */
export function refusalAnswer(code: keyof typeof FAILURES, message: string, requestId: string): HttpAnswer {
  return {
    status: FAILURES[code].status,
    headers: { "content-type": "application/json", ...(FAILURES[code].retry ? { "retry-after": "1" } : {}) },
    body: JSON.stringify({ code, message: shorten(message, PROBLEM_LENGTH_MAX), requestId }),
  };
}

function headersOf(headers: unknown): Record<string, string> {
  if (typeof headers !== "object" || headers === null) return {};
  const given = Object.entries(headers).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), String(value)]));
}
