import type { IncomingHttpHeaders } from "node:http";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import type { Route } from "../../shared/protocol/route.ts";
import { ACCOUNT_ID } from "../names.ts";

/**
 * An HTTP request as API Gateway gives it to Lambda, payload format 2.0
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
 */

export interface HttpRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly sourceIp: string;
  readonly requestId: string;
  /** When it came, Unix milliseconds. */
  readonly atMs: number;
}

export function httpEvent(
  request: HttpRequest,
  route: Route,
  params: Readonly<Record<string, string>>,
): APIGatewayProxyEventV2 {
  const [path = "", ...rest] = request.url.split("?");
  const rawQueryString = rest.join("?");
  const query = joined([...new URLSearchParams(rawQueryString)]);
  const { cookie, ...others } = request.headers;
  const headers = joined(Object.entries(others).flatMap(([name, value]) => pairsOf(name, value)));
  return {
    version: "2.0",
    routeKey: `${route.method} ${route.path}`,
    rawPath: path,
    rawQueryString,
    ...(cookie === undefined ? {} : { cookies: cookie.split("; ") }),
    headers,
    ...(rawQueryString === "" ? {} : { queryStringParameters: query }),
    ...(Object.keys(params).length === 0 ? {} : { pathParameters: { ...params } }),
    requestContext: contextOf(request, route, path),
    ...bodyOf(request.body, headers["content-type"]),
  };
}

function contextOf(request: HttpRequest, route: Route, path: string): APIGatewayProxyEventV2["requestContext"] {
  return {
    accountId: ACCOUNT_ID,
    apiId: "embedded",
    domainName: request.headers.host ?? "",
    domainPrefix: "embedded",
    http: {
      method: request.method,
      path,
      protocol: "HTTP/1.1",
      sourceIp: request.sourceIp,
      userAgent: request.headers["user-agent"] ?? "",
    },
    requestId: request.requestId,
    routeKey: `${route.method} ${route.path}`,
    stage: "$default",
    time: accessLogTime(request.atMs),
    timeEpoch: request.atMs,
  };
}

/** Several values of one name are joined by commas. */
function joined(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of pairs) values[name] = values[name] === undefined ? value : `${values[name]},${value}`;
  return values;
}

function pairsOf(name: string, value: string | string[] | undefined): (readonly [string, string])[] {
  if (value === undefined) return [];
  return typeof value === "string" ? [[name, value]] : value.map((one) => [name, one] as const);
}

const TEXT_TYPES = /^(text\/|application\/(json|javascript|xml)\b)/i;

/** Text as it is, anything else in base64; no body, no field. */
function bodyOf(body: Buffer, contentType: string | undefined): { body?: string; isBase64Encoded: boolean } {
  if (body.length === 0) return { isBase64Encoded: false };
  const isText = TEXT_TYPES.test(contentType ?? "");
  return { body: body.toString(isText ? "utf8" : "base64"), isBase64Encoded: !isText };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `12/Mar/2026:19:03:58 +0000`. */
function accessLogTime(atMs: number): string {
  const [year = "", month = "", day = ""] = new Date(atMs).toISOString().slice(0, 10).split("-");
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${new Date(atMs).toISOString().slice(11, 19)} +0000`;
}
