import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { matchRoute } from "../../../localstack/gateway/match-route.ts";
import type { Exchange, WireRequest } from "../../../shared/protocol/client.ts";
import type { Route } from "../../../shared/protocol/route.ts";
import { FUNCTIONS } from "../../../shared/resources.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";
import { awaitAnswer } from "./await-answer.ts";
import type { Invoke, Invoked } from "./sim-lambda.ts";

/** The line between a host and the control plane. */
export interface Line {
  /** Nothing gets through, either way. */
  cutOff: boolean;
}

export type HttpHandler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;

/** The way from one host to the control plane's API. */
export type Network = (line: Line) => Exchange;

const ONE_WAY_MS_MAX = 40;
/** Longer than any caller waits: the request arrives when its sender has given up, or has sent it again. */
const DELAYED_MS_MAX = 60_000;
/** Around the timeouts of callers, and well within a lease's margin. */
const LATE_REPLY_MS_MAX = 8_000;
const RESET_MS_MAX = 300;
const SECOND_MS = 1_000;

type Answer = { readonly status: number; readonly text: string };
const BROKEN: Answer = { status: 502, text: '{"message":"Internal Server Error"}' };

export function makeNetwork(
  sim: Simulation,
  faults: Faults,
  invoke: Invoke,
  handlers: Readonly<Partial<Record<Route["handler"], HttpHandler>>>,
): Network {
  function serve(name: string, request: WireRequest, answered: (answer: Answer) => void): void {
    const { pathname, searchParams } = new URL(request.url);
    const match = matchRoute(request.method, pathname);
    const handler = match.kind === "found" ? handlers[match.route.handler] : undefined;
    if (match.kind !== "found" || handler === undefined) {
      answered({ status: 404, text: '{"message":"Not Found"}' });
      return;
    }
    const { route, params } = match;
    const event = eventOf(request, `${route.method} ${route.path}`, params, searchParams, name);
    const timeoutMs = FUNCTIONS[route.handler].timeoutSeconds * SECOND_MS;
    invoke<APIGatewayProxyStructuredResultV2>(
      `${route.handler} ${name}`,
      timeoutMs,
      () => handler(event),
      (how) => answered(answerOf(how)),
    );
  }

  return (line) => (request, signal) => {
    const name = sim.numbered(`${request.method} ${new URL(request.url).pathname} from ${sim.current().name}`);
    const dice = sim.dice(name);
    const way = () => 1 + dice() * ONE_WAY_MS_MAX;
    return awaitAnswer<Answer>(sim, name, signal, (ear) => {
      const answered = (answer: Answer) => {
        if (line.cutOff || faults.strikes("network loses the reply", name)) return;
        const late = faults.strikes("network delays the reply", name) ? dice() * LATE_REPLY_MS_MAX : 0;
        ear.answer(way() + late, answer);
      };
      if (line.cutOff || faults.strikes("network loses the request", name)) return;
      if (faults.strikes("network resets", name))
        return ear.fail(dice() * RESET_MS_MAX, new Error("injected: ECONNRESET"));
      if (faults.strikes("gateway answers 503", name))
        return ear.answer(way(), { status: 503, text: '{"message":"Service Unavailable"}' });
      const delayed = faults.strikes("network delays the request", name) ? dice() * DELAYED_MS_MAX : 0;
      sim.world(way() + delayed, name, () => serve(name, request, answered));
      if (!faults.strikes("network doubles the request", name)) return;
      sim.world(way() + dice() * DELAYED_MS_MAX, `double of ${name}`, () => serve(name, request, () => undefined));
    });
  };
}

/** The platform's `fetch` over such a way, as far as a watchdog uses it. */
export function fetchOver(exchange: Exchange): typeof fetch {
  return async (input, init) => {
    const { method = "GET", headers, body, signal } = init ?? {};
    const request = { method, url: String(input), headers: headers as Record<string, string>, body: String(body) };
    try {
      const { status, text } = await exchange(request, signal ?? new AbortController().signal);
      return { status, arrayBuffer: async () => Buffer.from(text).buffer } as unknown as Response;
    } catch (cause) {
      // As undici: an abort is told as it is, any other trouble is a TypeError.
      throw cause instanceof DOMException ? cause : new TypeError("fetch failed", { cause });
    }
  };
}

/** What a gateway answers for a function that threw, died or ran out of time. */
function answerOf(how: Invoked<APIGatewayProxyStructuredResultV2>): Answer {
  if (how.kind !== "answered") return BROKEN;
  return { status: how.value.statusCode ?? 200, text: how.value.body ?? "" };
}

/** The parts of an event that the handlers read; the embedded gateway makes whole ones (localstack/gateway). */
function eventOf(
  request: WireRequest,
  routeKey: string,
  params: Readonly<Record<string, string>>,
  query: URLSearchParams,
  requestId: string,
): APIGatewayProxyEventV2 {
  return {
    version: "2.0",
    routeKey,
    rawPath: request.url,
    rawQueryString: query.toString(),
    headers: { ...request.headers },
    ...(query.size === 0 ? {} : { queryStringParameters: Object.fromEntries(query) }),
    pathParameters: { ...params },
    requestContext: { requestId, routeKey } as APIGatewayProxyEventV2["requestContext"],
    ...(request.body === undefined ? {} : { body: request.body }),
    isBase64Encoded: false,
  };
}
