import type { Clock } from "../shared/lib/clock.ts";
import { backoffMs } from "../shared/lib/retry.ts";
import {
  ApiError,
  type CallOptions,
  type CallReply,
  type Client,
  UnreachableError,
} from "../shared/protocol/client.ts";
import type { HeartbeatAck, LeaseGranted, Release, SignedRequest, UploadFile } from "../shared/protocol/leases.ts";
import type { Completion, LogSeal } from "../shared/protocol/products.ts";
import { routes } from "../shared/protocol/routes.ts";
import { wait } from "./wait.ts";
import type { ReleaseCall } from "./watchdog/protocol.ts";

/** The calls of one attempt, each with its lease token. They throw what the client throws. */
export interface LeaseCalls {
  ack(): Promise<HeartbeatAck>;
  heartbeat(
    body: { phase: "starting" | "running" | "uploading"; step: number; logBytes: number },
    options?: CallOptions,
  ): Promise<HeartbeatAck>;
  uploads(files: readonly UploadFile[], options?: CallOptions): Promise<SignedRequest[]>;
  inputs(options?: CallOptions): Promise<CallReply<"inputs">["inputs"]>;
  secrets(options?: CallOptions): Promise<CallReply<"secrets">>;
  source(options?: CallOptions): Promise<CallReply<"source">>;
  /** These three answer the state that the job is in now. */
  complete(completion: Completion): Promise<string>;
  release(reason: ReleaseReason, made?: Pick<Release, "failure" | "log">): Promise<string>;
  cancelAck(log: LogSeal): Promise<string>;
}

export type ReleaseReason = Exclude<Release["reason"], "deadline_passed">;

export function makeLeaseCalls(client: Client, { runId, jobId, fence, leaseToken: token }: LeaseGranted): LeaseCalls {
  const params = { run: runId, job: jobId, fence };
  return {
    ack: () => client.call("ack", { params }, { token }),
    heartbeat: (body, options) => client.call("heartbeat", { params, body }, { ...options, token }),
    uploads: async (files, options) =>
      (await client.call("uploads", { params, body: { files: [...files] } }, { ...options, token })).uploads,
    inputs: async (options) => (await client.call("inputs", { params }, { ...options, token })).inputs,
    secrets: (options) => client.call("secrets", { params }, { ...options, token }),
    source: (options) => client.call("source", { params }, { ...options, token }),
    complete: async (body) => (await client.call("complete", { params, body }, { token })).state,
    release: async (reason, made = {}) =>
      (await client.call("release", { params, body: { reason, ...made } }, { token })).state,
    cancelAck: async (log) => (await client.call("cancelAck", { params, body: { log } }, { token })).state,
  };
}

/** The release call as a watchdog makes it. */
export function releaseCall(client: Client, { runId, jobId, fence, leaseToken }: LeaseGranted): ReleaseCall {
  const params: Readonly<Record<string, string | number>> = { run: runId, job: jobId, fence };
  const path = routes.release.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  return { url: client.url + path, token: leaseToken };
}

/** `stale`: the lease is not ours any more. `gave_up`: no answer in time; whether it had its effect is unknown. */
export type Answer<T> =
  | { readonly kind: "ok"; readonly reply: T }
  | { readonly kind: "stale" }
  | { readonly kind: "gave_up"; readonly cause: unknown };

const PERSIST_POLICY = { triesMax: Number.POSITIVE_INFINITY, baseMs: 100, capMs: 3_000 } as const;

/**
 * Calls until there is an answer, or `untilMs` on the clock, or the signal. A call in flight is not aborted: its answer
 * is the truth, also about what the signal stands for. Refusals of other kinds are thrown.
 */
export async function persist<T>(
  call: () => Promise<T>,
  limits: { readonly untilMs: number; readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<Answer<T>> {
  const { untilMs, clock, signal } = limits;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { kind: "ok", reply: await call() };
    } catch (error) {
      if (isStale(error)) return { kind: "stale" };
      if (!isPassing(error)) throw error;
      const pauseMs = backoffMs(PERSIST_POLICY, attempt);
      if (signal?.aborted || clock.monotonicMs() + pauseMs >= untilMs) return { kind: "gave_up", cause: error };
      await wait(pauseMs, signal);
    }
  }
}

const STALE_STATUS = new Set([401, 403, 404, 409, 410]);

/** The control plane says that this lease is over; a lease token that is no longer accepted says the same. */
export function isStale(error: unknown): boolean {
  return error instanceof ApiError && STALE_STATUS.has(error.status);
}

/** Worth trying again: no answer, or one that says so. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof UnreachableError || (error instanceof ApiError && (error.status >= 500 || error.status === 429))
  );
}
