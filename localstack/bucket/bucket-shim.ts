import type { Clock } from "../../shared/lib/clock.ts";
import type { Refusal } from "../aws-requests/refusal.ts";
import { refuseStranger } from "../aws-requests/refuse-stranger.ts";
import { type Credentials, refuseSignature } from "../aws-requests/signature.ts";
import { awsRequest, type Reply, type Request, type RouteOptions, type Shim } from "../fastify-shim.ts";
import { hoistedChecksums, refuseContent } from "./content-rules.ts";
import { refuseRequest } from "./request-rules.ts";

/** Makes the embedded bucket refuse what S3 refuses. */

/** The largest object: SQLite's largest value is a little more than this (1,000,000,000 bytes). */
const OBJECT_BYTES_MAX = 950_000_000;

const OBJECT_ROUTE = "/:bucket/*";
const BUCKET_ROUTES: readonly string[] = ["/:bucket", OBJECT_ROUTE];

/** `credentials`: whose signatures count. */
export const bucketShim =
  (credentials: Credentials, clock: Clock): Shim =>
  (server) => {
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
      const { method, body } = request;
      const refusal = method === "PUT" && Buffer.isBuffer(body) ? refuseContent(awsRequest(request), body) : undefined;
      if (refusal !== undefined) refuse(reply, refusal);
      else done();
    });
  };

const EXISTS: Refusal = {
  status: 412,
  code: "PreconditionFailed",
  message: "At least one of the pre-conditions you specified did not hold",
};

/** All that can be refused before the body is read. */
function refuseUnread(request: Request, credentials: Credentials, nowMs: number): Refusal | undefined {
  const facts = awsRequest(request);
  const stranger = refuseStranger(facts);
  if (stranger !== undefined) return stranger;
  const route = request.routeOptions.url;
  if (route === undefined || !BUCKET_ROUTES.includes(route)) return refuseElsewhere(request);
  const refusal = refuseRequest(facts, request.params?.["*"] ?? "") ?? refuseSignature(facts, credentials, nowMs);
  if (refusal === undefined) Object.assign(request.headers, hoistedChecksums(facts));
  return refusal;
}

/** Beside the bucket there is only SQS, in its JSON form (`queues/queue-access.ts`). */
function refuseElsewhere(request: Request): Refusal | undefined {
  const isSqs = request.method === "POST" && request.originalUrl === "/";
  if (isSqs && String(request.headers["content-type"]).includes("application/x-amz-json-1.0")) return undefined;
  return { status: 501, code: "NotImplemented", message: "The embedded server speaks SQS (JSON) and S3 alone." };
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
