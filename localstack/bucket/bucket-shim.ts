import { ARTIFACT_BYTES_MAX } from "../../shared/domain/limits.ts";
import type { Clock } from "../../shared/lib/clock.ts";
import { queryOf, type Refusal } from "../aws-requests/refusal.ts";
import { refuseStranger } from "../aws-requests/refuse-stranger.ts";
import { type Credentials, refuseSignature } from "../aws-requests/signature.ts";
import { awsRequest, type Reply, type Request, type RouteOptions, type Shim } from "../fastify-shim.ts";
import { hoistedChecksums, refuseContent } from "./content-rules.ts";
import { isLargeUpload, type LargeObjects, RECORD_HEADER } from "./large-objects.ts";
import { refuseRequest } from "./request-rules.ts";

/** Makes the embedded bucket refuse what S3 refuses, and hold what S3 holds. */

const OBJECT_ROUTE = "/:bucket/*";
const BUCKET_ROUTES: readonly string[] = ["/:bucket", OBJECT_ROUTE];

type Handler = RouteOptions["handler"];

/** `credentials`: whose signatures count. */
export const bucketShim =
  (credentials: Credentials, clock: Clock, large: LargeObjects): Shim =>
  (server) => {
    let head: Handler | undefined;
    server.addHook("onRoute", (route) => {
      if (route.url !== OBJECT_ROUTE) return;
      const handler = route.handler;
      // As the server itself answers: records are looked up by it.
      const ask = (request: Request) => askHead(head, request);
      if (route.method === "HEAD") {
        head ??= handler;
        route.handler = (request, reply) => headObject(large, ask(request), handler, request, reply);
      }
      if (route.method === "GET")
        route.handler = (request, reply) => getObject(large, ask(request), handler, request, reply);
      if (route.method === "DELETE")
        route.handler = (request, reply) => replaceObject(large, ask, handler, request, reply);
      if (route.method !== "PUT") return;
      route.bodyLimit = ARTIFACT_BYTES_MAX;
      route.handler = (request, reply) => putObject(large, ask, handler, request, reply);
    });
    server.addHook("onRequest", (request, reply, done) => {
      const refusal = refuseUnread(request, credentials, clock.nowMs());
      if (refusal !== undefined) refuse(reply, refusal);
      else done();
    });
    server.addHook("preParsing", async (request, reply, body) => {
      if (!isObject(request) || !isLargeUpload(awsRequest(request), keyOf(request))) return body;
      // Takes it to its file; what the server then reads is its record.
      const staged = await large.stage(awsRequest(request), body);
      if ("code" in staged) return refuse(reply, staged);
      request.headers[RECORD_HEADER] = staged.mark;
      return staged.record;
    });
    server.addHook("preHandler", (request, reply, done) => {
      const { method, body } = request;
      const isRead = method === "PUT" && Buffer.isBuffer(body) && request.headers[RECORD_HEADER] === undefined;
      const refusal = isRead ? refuseContent(awsRequest(request), body) : undefined;
      if (refusal !== undefined) refuse(reply, refusal);
      else done();
    });
  };

/** Between the question whether the key is free and the write, no other request may run: two writers could both find it free. */
function putObject(large: LargeObjects, ask: Ask, put: Handler, request: Request, reply: Reply): unknown {
  const { status } = ask(request);
  if (request.headers["if-none-match"] !== "*" || status === 404) return replaceObject(large, ask, put, request, reply);
  const staged = request.headers[RECORD_HEADER];
  if (typeof staged === "string") large.drop(staged);
  if (status === 200) return refuse(reply, EXISTS);
  throw new Error(`the embedded bucket cannot tell whether a key is free (${status})`);
}

/** Overwrites or deletes. What no record names afterwards goes: what was there, or what the server did not take. */
function replaceObject(large: LargeObjects, ask: Ask, handler: Handler, request: Request, reply: Reply): unknown {
  const marks = [ask(request).headers.get(RECORD_HEADER), request.headers[RECORD_HEADER]];
  const done = handler(request, reply);
  const kept = ask(request).headers.get(RECORD_HEADER);
  for (const mark of marks) if (typeof mark === "string" && mark !== kept) large.drop(mark);
  return done;
}

function headObject(large: LargeObjects, there: Head, handler: Handler, request: Request, reply: Reply): unknown {
  const mark = there.headers.get(RECORD_HEADER);
  if (mark === undefined) return handler(request, reply);
  const object = large.find(mark);
  if (object === undefined) return reply.status(404).send();
  return withHeaders(reply, there, object.bytes).status(200).send();
}

function getObject(large: LargeObjects, there: Head, handler: Handler, request: Request, reply: Reply): unknown {
  const mark = there.headers.get(RECORD_HEADER);
  if (mark === undefined) return handler(request, reply);
  const isAsked = queryOf(awsRequest(request)).some(([name]) => name === "attributes" || name === "partNumber");
  const special = isAsked ? "sub-resources" : CONDITIONS.find((name) => request.headers[name] !== undefined);
  if (special !== undefined) return refuse(reply, { ...UNSUPPORTED, message: `${UNSUPPORTED.message} ${special}` });
  const object = large.find(mark);
  if (object === undefined) return refuse(reply, GONE);
  return withHeaders(reply, there, object.bytes).status(200).send(large.read(object));
}

const CONDITIONS = ["range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
const EXISTS: Refusal = {
  status: 412,
  code: "PreconditionFailed",
  message: "At least one of the pre-conditions you specified did not hold",
};
const GONE: Refusal = { status: 404, code: "NoSuchKey", message: "The specified key does not exist." };
const UNSUPPORTED: Refusal = {
  status: 501,
  code: "NotImplemented",
  message: "The embedded bucket does not do this for a large object:",
};

function withHeaders(reply: Reply, there: Head, bytes: number): Reply {
  for (const [name, value] of there.headers) if (name !== RECORD_HEADER) reply.header(name, value);
  return reply.header("content-length", bytes);
}

/** All that can be refused before the body is read. */
function refuseUnread(request: Request, credentials: Credentials, nowMs: number): Refusal | undefined {
  const facts = awsRequest(request);
  const stranger = refuseStranger(facts);
  if (stranger !== undefined) return stranger;
  const route = request.routeOptions.url;
  if (route === undefined || !BUCKET_ROUTES.includes(route)) return refuseElsewhere(request);
  const refusal = refuseRequest(facts, keyOf(request)) ?? refuseSignature(facts, credentials, nowMs);
  if (refusal === undefined) Object.assign(request.headers, hoistedChecksums(facts));
  return refusal;
}

/** Beside the bucket there is only SQS, in its JSON form (`queues/queue-access.ts`). */
function refuseElsewhere(request: Request): Refusal | undefined {
  const isSqs = request.method === "POST" && request.originalUrl === "/";
  if (isSqs && String(request.headers["content-type"]).includes("application/x-amz-json-1.0")) return undefined;
  return { status: 501, code: "NotImplemented", message: "The embedded server speaks SQS (JSON) and S3 alone." };
}

const isObject = (request: Request): boolean => request.routeOptions.url === OBJECT_ROUTE;
const keyOf = (request: Request): string => request.params?.["*"] ?? "";

type Ask = (request: Request) => Head;

interface Head {
  readonly status: number | undefined;
  readonly headers: ReadonlyMap<string, string>;
}

/** Asks the server's own HEAD handler, which answers before this returns. */
function askHead(head: Handler | undefined, request: Request): Head {
  let status: number | undefined;
  const headers = new Map<string, string>();
  const reply: Reply = {
    status(code) {
      status = code;
      return reply;
    },
    header(name, value) {
      headers.set(name, String(value));
      return reply;
    },
    send: () => reply,
  };
  void head?.({ ...questionOf(request) }, reply);
  return { status, headers };
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
