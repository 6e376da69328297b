import diagnostics from "node:diagnostics_channel";
import type { Clock } from "../../shared/lib/clock.ts";
import { hoistedChecksums, refuseContent } from "./content-rules.ts";
import type { BucketRequest, Refusal } from "./refusal.ts";
import { refuseRequest } from "./request-rules.ts";
import { type Credentials, refuseSignature } from "./signature.ts";

/**
 * Makes the embedded SQS and S3 server (fauxqs, on Fastify) refuse what AWS refuses, without a change of its code:
 * Fastify announces each new instance on a diagnostics channel, before the server adds its routes.
 */

/** The largest object: SQLite's largest value is a little less than this (1,000,000,000 bytes). */
const OBJECT_BYTES_MAX = 950_000_000;

export interface ShimOptions {
  readonly credentials: Credentials;
  readonly clock: Clock;
}

/** Runs `start` with every Fastify instance that it makes shimmed. */
export async function withShim<T>(options: ShimOptions, start: () => Promise<T>): Promise<T> {
  const onInstance = (message: unknown): void => shim((message as { fastify: Instance }).fastify, options);
  diagnostics.subscribe("fastify.initialization", onInstance);
  try {
    return await start();
  } finally {
    diagnostics.unsubscribe("fastify.initialization", onInstance);
  }
}

/** What the shim uses of Fastify (https://fastify.dev/docs/latest/Reference/Hooks/). */
interface Instance {
  listen(options: { port: number; host: string }): Promise<string>;
  addHook(name: "onRoute", hook: (route: RouteOptions) => void): void;
  addHook(name: "onRequest" | "preHandler", hook: (request: Request, reply: Reply, done: () => void) => void): void;
}
interface RouteOptions {
  readonly method: string | readonly string[];
  readonly url: string;
  bodyLimit?: number;
  handler: (request: Request, reply: Reply) => unknown;
}
interface Request {
  readonly method: string;
  readonly originalUrl: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly params: Readonly<Record<string, string | undefined>> | undefined;
  readonly query?: unknown;
  readonly body: unknown;
  readonly routeOptions: { readonly url?: string };
}
interface Reply {
  status(code: number): Reply;
  header(name: string, value: unknown): Reply;
  send(body?: unknown): Reply;
}

const OBJECT_ROUTE = "/:bucket/*";
const BUCKET_ROUTES: readonly string[] = ["/:bucket", OBJECT_ROUTE];

function shim(server: Instance, { credentials, clock }: ShimOptions): void {
  const listen = server.listen.bind(server);
  server.listen = (options) => listen({ ...options, host: "127.0.0.1" });

  let head: RouteOptions["handler"] | undefined;
  server.addHook("onRoute", (route) => {
    if (route.url !== OBJECT_ROUTE) return;
    if (route.method === "HEAD") head = route.handler;
    if (route.method !== "PUT") return;
    route.bodyLimit = OBJECT_BYTES_MAX;
    const put = route.handler;
    route.handler = (request, reply) => {
      if (request.headers["if-none-match"] === "*" && objectExists(head, request)) return refuse(reply, EXISTS);
      return put(request, reply);
    };
  });
  server.addHook("onRequest", (request, reply, done) => {
    const refusal = refuseUnread(request, credentials, clock.nowMs());
    if (refusal !== undefined) refuse(reply, refusal);
    else done();
  });
  server.addHook("preHandler", (request, reply, done) => {
    const isPut = request.method === "PUT" && Buffer.isBuffer(request.body);
    const refusal = isPut ? refuseContent(bucketRequest(request), request.body) : undefined;
    if (refusal !== undefined) refuse(reply, refusal);
    else done();
  });
}

const EXISTS: Refusal = {
  status: 412,
  code: "PreconditionFailed",
  message: "At least one of the pre-conditions you specified did not hold",
};

/** All that can be refused before the body is read. */
function refuseUnread(request: Request, credentials: Credentials, nowMs: number): Refusal | undefined {
  const route = request.routeOptions.url;
  if (route === undefined || !BUCKET_ROUTES.includes(route)) return refuseElsewhere(request);
  const facts = bucketRequest(request);
  const refusal = refuseRequest(facts, request.params?.["*"] ?? "") ?? refuseSignature(facts, credentials, nowMs);
  if (refusal === undefined) Object.assign(request.headers, hoistedChecksums(facts));
  return refusal;
}

/** Beside the bucket there is only SQS, in its JSON form: a content type that no web page may send across origins. */
function refuseElsewhere(request: Request): Refusal | undefined {
  const isSqs = request.method === "POST" && request.originalUrl === "/";
  if (isSqs && String(request.headers["content-type"]).includes("application/x-amz-json-1.0")) return undefined;
  return { status: 501, code: "NotImplemented", message: "The embedded server speaks SQS (JSON) and S3 alone." };
}

function bucketRequest(request: Request): BucketRequest {
  return { method: request.method, url: request.originalUrl, headers: request.headers };
}

/**
 * Asks the server's own HEAD handler. It must answer before this returns: between the question and the write, no
 * other request may run, or two writers could both find the key free.
 */
function objectExists(head: RouteOptions["handler"] | undefined, request: Request): boolean {
  let status: number | undefined;
  const reply: Reply = {
    status(code) {
      status = code;
      return reply;
    },
    header: () => reply,
    send: () => reply,
  };
  void head?.({ ...questionOf(request) }, reply);
  if (status !== 200 && status !== 404)
    throw new Error(`the embedded bucket cannot tell whether a key is free (${status})`);
  return status === 200;
}

function questionOf(request: Request): Request {
  const { originalUrl, params, routeOptions } = request;
  return { method: "HEAD", originalUrl, params, routeOptions, headers: {}, query: {}, body: undefined };
}

function refuse(reply: Reply, { status, code, message }: Refusal): Reply {
  const escaped = message.replace(/[<>&]/g, (char) => `&#${char.charCodeAt(0)};`);
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${escaped}</Message></Error>`;
  return reply.status(status).header("content-type", "application/xml").send(body);
}
