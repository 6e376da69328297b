import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../shared/lib/clock.ts";
import type { Reply, Request, RouteOptions, Shim } from "../fastify-shim.ts";
import { makeSignals, type Signals } from "./signals.ts";

/**
 * Long polls that wait for an event. The embedded server's own look 50 times a second for as long as they wait, which
 * costs an idle laptop its rest; and one whose reader has gone takes the next message with it.
 */

/** A queue's messages that are not there to be read yet, with when they will be (Unix milliseconds). */
export type Inspect = (
  queue: string,
) => { readonly delayed: readonly Delayed[]; readonly inflight: readonly InFlight[] } | undefined;
interface Delayed {
  readonly delayUntil?: number | undefined;
}
interface InFlight {
  readonly visibilityDeadline: number;
}

export const queueShim =
  (inspect: Inspect, clock: Clock): Shim =>
  (server) => {
    const signals = makeSignals();
    server.addHook("onRoute", (route) => {
      if (route.method !== "POST" || route.url !== "/") return;
      const answer = route.handler;
      route.handler = async (request, reply) => {
        const poll = pollOf(request);
        if (poll !== undefined) return longPoll({ poll, request, reply, answer, inspect, clock, signals });
        const result = await answer(request, reply);
        // Whatever it was, it may have made a message readable, now or sooner than a poll expects.
        signals.raise(queueOf(request.body));
        return result;
      };
    });
    server.addHook("preClose", (done) => {
      signals.close();
      done();
    });
  };

interface Poll {
  readonly queue: string;
  readonly waitMs: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function pollOf({ headers, body }: Request): Poll | undefined {
  if (headers["x-amz-target"] !== "AmazonSQS.ReceiveMessage" || typeof body !== "object" || body === null)
    return undefined;
  const fields = body as Record<string, unknown>;
  const seconds = fields["WaitTimeSeconds"];
  // Out of range: for the server itself to refuse.
  if (typeof seconds !== "number" || !(seconds > 0 && seconds <= 20)) return undefined;
  return { queue: queueOf(body), waitMs: seconds * 1_000, body: fields };
}

/** A queue's name is the last part of its URL; empty where the request names none. */
function queueOf(body: unknown): string {
  const url = typeof body === "object" && body !== null && "QueueUrl" in body ? body.QueueUrl : undefined;
  return typeof url === "string" ? (url.split("/").at(-1) ?? "") : "";
}

async function longPoll(context: {
  readonly poll: Poll;
  readonly request: Request;
  readonly reply: Reply;
  readonly answer: RouteOptions["handler"];
  readonly inspect: Inspect;
  readonly clock: Clock;
  readonly signals: Signals;
}): Promise<unknown> {
  const { poll, request, reply, answer, inspect, clock, signals } = context;
  const endsAtMs = clock.nowMs() + poll.waitMs;
  request.body = { ...poll.body, WaitTimeSeconds: 0 };
  for (;;) {
    // A reader that has gone must not take a message with it.
    if (hasLeft(request)) return {};
    const result = await answer(request, reply);
    if (!isEmpty(result)) signals.raise(poll.queue);
    const restMs = endsAtMs - clock.nowMs();
    if (!isEmpty(result) || restMs <= 0 || signals.closed()) return result;
    await signals.wait(poll.queue, Math.min(restMs, untilDueMs(inspect(poll.queue), clock.nowMs())));
    // Whatever came together with the signal comes first: it may be the reader's leaving.
    await nextTurn();
  }
}

/** The connection is closed, or the reader's side of it. */
function hasLeft({ raw }: Request): boolean {
  return raw !== undefined && (raw.socket.destroyed || raw.socket.readableEnded);
}

/** An answer without messages; a refusal is not empty. */
function isEmpty(result: unknown): boolean {
  return typeof result === "object" && result !== null && "Messages" in result && result.Messages === undefined;
}

/** How long until the first delayed or invisible message can be read. */
function untilDueMs(messages: ReturnType<Inspect>, nowMs: number): number {
  const delayed = messages?.delayed.map(({ delayUntil }) => delayUntil ?? nowMs) ?? [];
  const invisible = messages?.inflight.map(({ visibilityDeadline }) => visibilityDeadline) ?? [];
  const firstMs = [...delayed, ...invisible].reduce((first, atMs) => Math.min(first, atMs), Number.POSITIVE_INFINITY);
  return Math.max(1, firstMs - nowMs);
}
