import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";
import timersPromises from "node:timers/promises";
import type { Dice } from "./dice.ts";
import { type Internet, requestOver } from "./host-http.ts";
import type { SimTimer } from "./simulation.ts";

/**
 * What a JavaScript process has of its host, exchanged for the simulated world's while one of its actors acts: timers,
 * timeouts of signals, dates, randomness, fetch, HTTP. So the production code runs as it is, without a parameter for each of them.
 * Between the events of a world, and in whatever else this process does, everything is the platform's own.
 */

/** How the acting actor reaches its world. */
export interface ActorHost {
  readonly dice: Dice;
  /** Calls after so many milliseconds of the actor's own clock. */
  readonly later: (ownMs: number, call: () => void) => SimTimer;
  readonly fetch: typeof fetch | undefined;
  /** The wall clock of its machine, in Unix milliseconds. */
  readonly nowMs: () => number;
  /** What `node:http` and `node:https` reach; absent where there is nothing to reach. */
  readonly internet: Internet | undefined;
}

let acting: ActorHost | undefined;

/** From here on it is this actor that acts, or nobody. */
export function enterActor(host: ActorHost | undefined): void {
  acting = host;
}

/** The platform's own, for the scheduler. */
export const realHost = {
  nextTick: process.nextTick.bind(process),
  immediate: setImmediate,
};

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  wait: timersPromises.setTimeout,
  timeout: AbortSignal.timeout.bind(AbortSignal),
  any: AbortSignal.any.bind(AbortSignal),
  random: Math.random,
  fetch: globalThis.fetch,
  // Not by the clock that everybody is given: that one asks what is exchanged here.
  now: Reflect.get(Date, "now") as () => number,
  http: http.request,
  https: https.request,
};

/** Timers that have been handed out; those of the platform go back to it. */
const handles = new WeakMap<object, SimTimer>();

function simSetTimeout(call: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): unknown {
  if (acting === undefined) return real.setTimeout(call, ms, ...args);
  const timer = acting.later(ms, () => call(...args));
  const handle = { ref: () => handle, unref: () => handle, hasRef: () => true };
  handles.set(handle, timer);
  return handle;
}

function simClearTimeout(handle: unknown): void {
  const timer = typeof handle === "object" && handle !== null ? handles.get(handle) : undefined;
  if (timer === undefined) real.clearTimeout(handle as NodeJS.Timeout);
  else timer.canceled = true;
}

function simWait<T>(ms = 0, value?: T, options: { readonly signal?: AbortSignal } = {}): Promise<T | undefined> {
  if (acting === undefined) return real.wait(ms, value, options);
  const { later } = acting;
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const gaveUp = () => {
      timer.canceled = true;
      reject(signal?.reason);
    };
    const timer = later(ms, () => {
      signal?.removeEventListener("abort", gaveUp);
      resolve(value);
    });
    if (signal?.aborted === true) return gaveUp();
    signal?.addEventListener("abort", gaveUp, { once: true });
  });
}

const TIMEOUT_MAX_MS = 2 ** 32 - 1;

/** Made once: most timeouts pass when nobody listens any more. */
const TIMED_OUT = new DOMException("The operation was aborted due to timeout", "TimeoutError");

function simTimeout(ms: number): AbortSignal {
  if (acting === undefined) return real.timeout(ms);
  // As the platform's own does: a fraction of a millisecond is a mistake of the caller.
  if (!Number.isInteger(ms) || ms < 0 || ms > TIMEOUT_MAX_MS) throw new RangeError(`${ms} is no delay`);
  const over = new AbortController();
  acting.later(ms, () => over.abort(TIMED_OUT));
  return over.signal;
}

/** The platform keeps such a signal for ever if nobody aborts it, and with it the whole world that waits for it. */
function simAny(signals: Iterable<AbortSignal>): AbortSignal {
  if (acting === undefined) return real.any([...signals]);
  const one = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) one.abort(signal.reason);
    else signal.addEventListener("abort", () => one.abort(signal.reason), { once: true });
  }
  return one.signal;
}

const simFetch: typeof fetch = (input, init) => {
  if (acting === undefined) return real.fetch(input, init);
  if (acting.fetch === undefined)
    throw new Error("this actor has no fetch: no simulated process reaches the real network");
  return acting.fetch(input, init);
};

/** As the platform's, but that "now" is the acting actor's. */
const simNow = (): number => (acting === undefined ? real.now() : acting.nowMs());
const SimDate = new Proxy(Date, {
  construct: (target, parts, newTarget) =>
    Reflect.construct(target, parts.length === 0 ? [simNow()] : parts, newTarget),
  get: (target, name) => (name === "now" ? simNow : Reflect.get(target, name)),
});

function simRequest(real: typeof http.request): typeof http.request {
  const request = (...args: Parameters<typeof http.request>) => {
    if (acting === undefined) return real(...args);
    if (acting.internet === undefined) throw new Error("no simulated process reaches the real network");
    const [url, options] = args as unknown as [URL, http.RequestOptions];
    return requestOver(acting.internet, url, options);
  };
  return request as typeof http.request;
}

const simRandom = (): number => (acting === undefined ? real.random() : acting.dice());

Object.assign(globalThis, { setTimeout: simSetTimeout, clearTimeout: simClearTimeout, fetch: simFetch, Date: SimDate });
Object.assign(AbortSignal, { timeout: simTimeout, any: simAny });
Object.assign(Math, { random: simRandom });
Object.assign(timersPromises, { setTimeout: simWait });
Object.assign(http, { request: simRequest(real.http) });
Object.assign(https, { request: simRequest(real.https) });
syncBuiltinESMExports();
