import type { Clock } from "../lib/clock.ts";
import type { Signer } from "../lib/signed-token.ts";
import type { Offer, SignedRequest } from "../protocol/leases.ts";
import type { Source } from "../protocol/runs.ts";
import type { Store } from "../store/store.ts";

/** What a use case needs from outside: plain functions, so that the simulator can stand in for all of it. */
export interface Deps {
  readonly store: Store;
  readonly queues: Queues;
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly readDefinition: ReadDefinition;
  readonly settings: Settings;
}

export interface Settings {
  readonly tenant: string;
  /** The pools that have a queue. */
  readonly pools: readonly string[];
  readonly poolQueueUrl: (pool: string) => string;
  /** How runners reach the queues. */
  readonly runnerSqs: {
    readonly region: string;
    readonly endpoint?: string;
    readonly credentials: {
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string;
    };
  };
}

export interface PoolOffer {
  readonly pool: string;
  readonly project: string;
  readonly offer: Offer;
}

/** Wakes the reconciler for one run. Without `seq` it reconciles once and passes nothing on. */
export interface Tick {
  readonly tenant: string;
  readonly runId: string;
  readonly seq?: number;
}

export interface Queues {
  sendOffers(offers: readonly PoolOffer[]): Promise<void>;
  sendTick(tick: Tick, delayMs: number): Promise<void>;
  sendPlan(plan: { readonly tenant: string; readonly runId: string }): Promise<void>;
  /** Messages that wait in the pool's queue: approximate. */
  visibleOffers(pool: string): Promise<number>;
  ping(): Promise<void>;
}

export interface Bucket {
  put(key: string, body: string): Promise<void>;
  get(key: string): Promise<Buffer>;
  /** A PUT of exactly this key, once (If-None-Match), signed over length and SHA-256 (hex) where they are known. */
  signPut(object: { readonly key: string; readonly bytes?: number; readonly sha256?: string }): Promise<SignedRequest>;
  signGet(key: string): Promise<SignedRequest>;
  /** Objects under the prefix whose keys sort after `afterKey`, in order. */
  list(prefix: string, afterKey: string | undefined, limit: number): Promise<{ key: string; bytes: number }[]>;
  ping(): Promise<void>;
}

export interface Random {
  /** A new id that sorts by time: 26 lower-case ULID characters. */
  ulid(nowMs: number): string;
  /** 256 random bits, base64url. */
  secret(): string;
}

/** Structured lines; never a secret in them. */
export interface Log {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface Metrics {
  count(name: CounterName, value?: number, dimensions?: Readonly<Record<string, string>>): void;
  timing(name: TimingName, ms: number): void;
}

export type CounterName =
  | "RunsCreated"
  | "RunsEnded"
  | "JobsEnded"
  | "LeasesGranted"
  | "LeasesLost"
  | "ClaimsRefused"
  | "StaleCalls"
  | "OffersSent"
  | "HintsFailed"
  | "Failures";
export type TimingName = "QueueWaitMs" | "RecoveryMs" | "RunMs";

/** Reads a pipeline's text at the source's commit. Throws a `DomainError` where it cannot be read. */
export type ReadDefinition = (source: Source, path: string) => Promise<string>;
