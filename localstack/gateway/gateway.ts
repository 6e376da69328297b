import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { DISK_FULL } from "../../functions/http/replies.ts";
import {
  BODY_BYTES_MAX,
  OPEN_BODIES_BYTES_MAX,
  UNPROVEN_BODIES_BYTES_MAX,
  UNPROVEN_REQUESTS_MAX,
  UNPROVEN_REQUESTS_WAITING_MAX,
} from "../../shared/domain/limits.ts";
import type { Clock } from "../../shared/lib/clock.ts";
import { isDiskFull } from "../../shared/lib/disk-full.ts";
import { isForeignHost } from "../../shared/lib/foreign-host.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import type { Route } from "../../shared/protocol/route.ts";
import type { Invoke } from "../invoke.ts";
import { errorFields, type Log } from "../stack-log.ts";
import type { StackMeter } from "../stack-meter.ts";
import { StartFailure } from "../start-failure.ts";
import { type BodyBudget, type BodyShare, makeBodyBudget, makeBodyParts, NO_BUDGET } from "./body-budget.ts";
import { answerOf, type HttpAnswer, refusalAnswer } from "./http-answer.ts";
import { httpEvent } from "./http-event.ts";
import { type Lane, makeLane, NO_LANE } from "./lane.ts";
import { type Match, matchRoute } from "./match-route.ts";

/** The HTTP API of the embedded stack: what API Gateway is to a deployment. */

export interface Gateway {
  readonly port: number;
  /** From now on requests reach the functions; before, they are answered `not_ready`. */
  serve(functions: Functions): void;
  /** Takes no new request, and waits for those in flight, at most `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** What requests are for. */
export interface Functions {
  readonly invoke: Invoke;
  readonly meter: Pick<StackMeter, "requested">;
  /** Whether a bearer token is one that only a runner has: its calls are never refused for want of room. */
  readonly isRunners: (token: string) => boolean;
}

export interface GatewayOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Names that its requests may be for, beside addresses and localhost, in lower case. */
  readonly names?: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each request that a function has answered: `POST /v1/runs`. */
  readonly onAnswer?: (routeKey: string) => void;
}

/** Idle connections are kept for longer than clients keep theirs, so that none is closed under a request. */
const KEEP_ALIVE_MS = 75_000;
const REQUEST_MS = 30_000;
const NO_ROOM =
  "too many large requests are on their way, of callers that have not shown who they are: send it again later";
const NO_TURN = "too many requests wait, of callers that have not shown who they are: send it again later";
const FOREIGN_HOST = "this control plane does not go by the name in the Host header; BATON_PUBLIC_URL gives it one";
/** What is still read of a refused body, so that the client can read the refusal. */
const DISCARD_BYTES_MAX = 32 * BODY_BYTES_MAX;
const DISCARD_MS = 2_000;

/** Binds the port at once, so that one in use is told before anything else starts. Fails `port_in_use`. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  let functions: Functions | undefined;
  const callers = { open: makeCallers(OPEN_BODIES_BYTES_MAX), unproven: makeCallers(UNPROVEN_BODIES_BYTES_MAX) };
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: REQUEST_MS, noDelay: true });
  server.on("request", (request, response) => {
    // `respond` answers every failure itself.
    void respond(request, response, { functions, callers, options });
  });
  const port = await listen(server, options);
  return {
    port,
    serve(ready) {
      functions = ready;
    },
    close: (graceMs) => close(server, graceMs),
  };
}

interface Serving {
  readonly functions: Functions | undefined;
  readonly callers: { readonly open: Callers; readonly unproven: Callers };
  readonly options: GatewayOptions;
}

/** What callers of a kind have together. */
interface Callers {
  readonly budget: BodyBudget;
  readonly lane: Lane;
}

const makeCallers = (bytesMax: number): Callers => ({
  budget: makeBodyBudget(bytesMax),
  lane: makeLane({ atOnceMax: UNPROVEN_REQUESTS_MAX, waitingMax: UNPROVEN_REQUESTS_WAITING_MAX }),
});
const RUNNERS: Callers = { budget: NO_BUDGET, lane: NO_LANE };

async function respond(request: IncomingMessage, response: ServerResponse, serving: Serving): Promise<void> {
  const requestId = randomUUID();
  const { options } = serving;
  try {
    const answer = await answerRequest(request, requestId, serving);
    const headers = { ...answer.headers, "apigw-requestid": requestId };
    if (request.complete) response.writeHead(answer.status, headers).end(answer.body);
    else await answerEarly(request, response, { ...answer, headers });
  } catch (error) {
    // A stranger may do that as often as they like: it is not ours, and nobody is left to answer.
    if (request.destroyed && !request.complete)
      return options.log("INFO", "a client broke off its request", { requestId });
    options.log("ERROR", "a request failed", { requestId, url: request.url, ...errorFields(error) });
    if (response.headersSent) response.destroy();
    else if (isDiskFull(error)) writeAnswer(response, refusalAnswer("disk_full", DISK_FULL, requestId));
    else writeAnswer(response, refusalAnswer("internal", "the request failed; its id is in the log", requestId));
  }
}

/**
 * Answers before the body is read, and closes. A socket closed with bytes unread is reset, and the reset can overtake
 * the answer: so what the client is sending is thrown away for a while first.
 */
async function answerEarly(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): Promise<void> {
  const length = Buffer.byteLength(answer.body);
  response.writeHead(answer.status, { ...answer.headers, "content-length": length, connection: "close" });
  response.write(answer.body);
  const timer = setTimeout(() => request.destroy(), DISCARD_MS);
  let bytes = 0;
  try {
    for await (const chunk of request) {
      bytes += (chunk as Buffer).length;
      if (bytes > DISCARD_BYTES_MAX) break;
    }
  } catch (error) {
    // The client went away, or took too long: it has its answer.
    if (!request.destroyed) throw error;
  }
  clearTimeout(timer);
  response.end();
}

function writeAnswer(response: ServerResponse, answer: HttpAnswer): void {
  response.writeHead(answer.status, answer.headers).end(answer.body);
}

async function answerRequest(request: IncomingMessage, requestId: string, serving: Serving): Promise<HttpAnswer> {
  const { host, names = [] } = serving.options;
  const { method = "", url = "", headers } = request;
  const match = matchRoute(method, url.split("?")[0] ?? "");
  if (match.kind === "unknown_path") return refusalAnswer("not_found", `there is no ${url.split("?")[0]}`, requestId);
  if (match.kind === "wrong_method") return wrongMethod(method, match.allowed, requestId);
  // A forge's webhook comes by whatever name a tunnel has, and is signed.
  if (match.route.handler !== "webhook" && isForeignHost(headers.host, [host, ...names]))
    return refusalAnswer("forbidden", FOREIGN_HOST, requestId);
  const { budget, lane } = callersOf(match.route, headers.authorization, serving);
  const share = budget.open();
  try {
    return await invokeRoute(request, requestId, serving, match, { share, lane });
  } finally {
    share.release();
  }
}

/** A webhook counts until it is answered, since nobody has shown who sent it; and so does any other stranger's request. */
function callersOf(route: Route, authorization: string | undefined, { functions, callers }: Serving): Callers {
  if (route.access === "open")
    return route.handler === "webhook" ? callers.open : { budget: callers.open.budget, lane: NO_LANE };
  const token = /^Bearer (\S+)$/.exec(authorization ?? "")?.[1];
  return token !== undefined && functions?.isRunners(token) === true ? RUNNERS : callers.unproven;
}

async function invokeRoute(
  request: IncomingMessage,
  requestId: string,
  { functions, options: { clock, log, onAnswer } }: Serving,
  match: Extract<Match, { kind: "found" }>,
  { share, lane }: { readonly share: BodyShare; readonly lane: Lane },
): Promise<HttpAnswer> {
  const { method = "", url = "", headers } = request;
  const atMs = clock.nowMs();
  const { bodyBytesMax = BODY_BYTES_MAX } = match.route;
  const body = await readBody(request, bodyBytesMax, share);
  if (body === "too_large")
    return refusalAnswer("too_large", `a request's body is at most ${bodyBytesMax} bytes`, requestId);
  if (body === "no_room") return refusalAnswer("throttled", NO_ROOM, requestId);
  if (functions === undefined) return refusalAnswer("not_ready", "the stack is starting", requestId);
  const sourceIp = request.socket.remoteAddress ?? "";
  const event = httpEvent({ method, url, headers, body, sourceIp, requestId, atMs }, match.route, match.params);
  functions.meter.requested(event.routeKey);
  const result = await lane.run(() => functions.invoke(match.route.handler, event));
  if (result === "full") return refusalAnswer("throttled", NO_TURN, requestId);
  onAnswer?.(event.routeKey);
  const answer = answerOf(result);
  if (answer !== undefined) return answer;
  log("ERROR", "a function did not answer like one", { requestId, function: match.route.handler });
  return refusalAnswer("internal", "the function's answer was not HTTP", requestId);
}

function wrongMethod(method: string, allowed: readonly string[], requestId: string): HttpAnswer {
  const message = `${method} is not for this path; ${allowed.join(" or ")} is`;
  const answer = refusalAnswer("method_not_allowed", message, requestId);
  return { ...answer, headers: { ...answer.headers, allow: allowed.join(", ") } };
}

/** The whole body; as soon as it is known, that it is too large or has no room. Rejects when the client goes away. */
async function readBody(
  request: IncomingMessage,
  bytesMax: number,
  share: BodyShare,
): Promise<Buffer | "too_large" | "no_room"> {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) return "too_large";
  const parts = makeBodyParts();
  let bytes = 0;
  // Leaving the loop early must not destroy the socket: the refusal is yet to be sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const piece: Buffer = chunk;
    bytes += piece.length;
    if (bytes > bytesMax) return "too_large";
    if (!share.take(piece.length)) return "no_room";
    parts.add(piece);
  }
  return parts.joined();
}

function listen(server: Server, { host, port }: GatewayOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const code = systemCode(cause);
      const taken = `port ${port} on ${host} is in use: stop what listens there, or choose another with --port`;
      const other = `cannot listen on ${host} port ${port} (${code ?? cause.message})`;
      const failure = code === "EADDRINUSE" ? taken : other;
      reject(new StartFailure(code === "EADDRINUSE" ? "port_in_use" : "start_failed", failure, { cause }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      if (address !== null && typeof address === "object") resolve(address.port);
      else reject(new StartFailure("start_failed", "the gateway has no port"));
    });
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
