import type { z } from "zod";
import { MESSAGE_LENGTH_MAX } from "../domain/limits.ts";
import { shorten } from "../lib/cut.ts";
import type { Route } from "./route.ts";
import { errorEnvelope, type RouteName, routes } from "./routes.ts";

/** The typed client: what runner and CLI call the control plane with. One connection pool, bounded waits. */

type Routes = typeof routes;
type Body<R> = R extends { readonly body: infer B extends z.ZodType } ? { readonly body: z.input<B> } : unknown;
type Query<R> = R extends { readonly query: infer Q extends z.ZodType } ? { readonly query?: z.input<Q> } : unknown;
type Headers<R> = R extends { readonly headers: infer H extends z.ZodType }
  ? { readonly headers?: z.input<H> }
  : unknown;
/** A route without parameters has an empty object, whose keys zod types as every string. */
type Params<R> = R extends { readonly params: infer P extends z.ZodObject }
  ? string extends keyof z.input<P>
    ? unknown
    : { readonly params: { readonly [K in keyof z.input<P>]: string | number } }
  : unknown;
export type CallInput<N extends RouteName> = Params<Routes[N]> &
  Body<Routes[N]> &
  Query<Routes[N]> &
  Headers<Routes[N]>;
export type CallReply<N extends RouteName> = z.output<Routes[N]["reply"]>;

export interface CallOptions {
  /** Bearer token; the client's own where absent. */
  readonly token?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Client {
  readonly url: string;
  call<N extends RouteName>(name: N, input: CallInput<N>, options?: CallOptions): Promise<CallReply<N>>;
}

/** The control plane answered, and refused. `code` is one of `FAILURES`; `retry` says whether it may help to try again. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly requestId: string;

  constructor(status: number, envelope: z.output<typeof errorEnvelope>) {
    super(shorten(envelope.message, MESSAGE_LENGTH_MAX));
    this.status = status;
    this.code = envelope.code;
    this.details = envelope.details;
    this.requestId = envelope.requestId;
  }
}

/** No answer, or none that is ours: the call may or may not have had its effect. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  /** The HTTP status of an answer that is not ours; absent where none came. */
  readonly status: number | undefined;

  constructor(message: string, options: { readonly cause?: unknown; readonly status?: number } = {}) {
    super(shorten(message, MESSAGE_LENGTH_MAX), options.cause === undefined ? {} : { cause: options.cause });
    this.status = options.status;
  }
}

const CALL_TIMEOUT_MS = 10_000;

/** A request as it goes over the wire. */
export interface WireRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends one request and reads the whole answer. Throws where none came; what the request did is then unknown. */
export type Exchange = (request: WireRequest, signal: AbortSignal) => Promise<{ status: number; text: string }>;

const exchangeByFetch: Exchange = async ({ url, ...init }, signal) => {
  const response = await fetch(url, { ...init, signal });
  return { status: response.status, text: await response.text() };
};

/** Makes a client. `exchange` is the simulator's network; elsewhere it is the platform's `fetch`. */
export function makeClient(options: {
  readonly url: string;
  readonly token?: string;
  readonly exchange?: Exchange;
}): Client {
  const url = options.url.replace(/\/+$/, "");
  const exchange = options.exchange ?? exchangeByFetch;
  return {
    url,
    async call(name, input, callOptions = {}) {
      const route: Route = routes[name];
      const request = toRequest(url, route, input as LooseInput, callOptions.token ?? options.token);
      const timeout = AbortSignal.timeout(callOptions.timeoutMs ?? CALL_TIMEOUT_MS);
      const signal = callOptions.signal === undefined ? timeout : AbortSignal.any([timeout, callOptions.signal]);
      const { status, text } = await answerTo(exchange, url, request, signal);
      return readReply(route, url, status, text) as CallReply<typeof name>;
    },
  };
}

interface LooseInput {
  readonly params?: Record<string, string | number>;
  readonly query?: Record<string, unknown>;
  readonly headers?: Record<string, string | undefined>;
  readonly body?: unknown;
}

function toRequest(url: string, route: Route, input: LooseInput, token: string | undefined): WireRequest {
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(input.params?.[name])));
  const target = new URL(url + path);
  for (const [name, value] of Object.entries(input.query ?? {}))
    if (value !== undefined) target.searchParams.set(name, String(value));
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(input.headers ?? {})) if (value !== undefined) headers[name] = value;
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  const request = { method: route.method, url: target.href, headers };
  if (input.body === undefined) return request;
  headers["content-type"] = "application/json";
  return { ...request, body: JSON.stringify(input.body) };
}

async function answerTo(
  exchange: Exchange,
  url: string,
  request: WireRequest,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  try {
    return await exchange(request, signal);
  } catch (cause) {
    throw new UnreachableError(`no answer from ${url}: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message;
}

function readReply(route: Route, url: string, status: number, text: string): unknown {
  if (route.contentType === "text/plain" && status < 300) return text;
  const json = parseJson(url, status, text);
  if (status < 300) {
    const reply = route.reply.safeParse(json);
    if (!reply.success) throw notOurs(url, status, reply.error);
    return reply.data;
  }
  const envelope = errorEnvelope.safeParse(json);
  if (!envelope.success) throw notOurs(url, status, envelope.error);
  throw new ApiError(status, envelope.data);
}

function notOurs(url: string, status: number, cause: z.ZodError): UnreachableError {
  const [issue] = cause.issues;
  const why =
    issue === undefined ? "" : ` (${[issue.path.join("."), issue.message].filter((part) => part !== "").join(": ")})`;
  return new UnreachableError(`${url} answered ${status}, but not as Baton does${why}`, { status, cause });
}

function parseJson(url: string, status: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UnreachableError(`${url} answered ${status}, but not as Baton does (it is no JSON)`, { status, cause });
  }
}
