import type { Clock } from "../lib/clock.ts";
import type { Signer } from "../lib/signed-token.ts";
import type { CounterName, DimensionsOf, TimingName } from "../metrics.ts";
import type { Source } from "../protocol/runs.ts";
import type { Bucket } from "../store/bucket.ts";
import type { Queues } from "../store/queues.ts";
import type { Store } from "../store/store.ts";
import type { Pipelines } from "./pipelines.ts";
import type { QueueAccess, QueueCredentials } from "./queue-credentials.ts";

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
  readonly pipelines: Pipelines;
  readonly settings: Settings;
}

export interface Settings {
  readonly tenant: string;
  /** The pools that have a queue. */
  readonly pools: readonly string[];
  /** How many messages one offer is: the deliberate duplicates that an operator wants. */
  readonly offerCopies: number;
  readonly poolQueueUrl: (pool: string) => string;
  /** How runners reach the queues. */
  readonly runnerSqs: {
    readonly region: string;
    readonly endpoint?: string;
    readonly credentialsFor: (access: QueueAccess) => Promise<QueueCredentials>;
  };
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
  count<N extends CounterName>(name: N, value?: number, dimensions?: DimensionsOf<N>): void;
  timing(name: TimingName, ms: number): void;
}

/** Reads a pipeline's text at the source's commit, for a run. Throws a `DomainError` where it cannot be read. */
export type ReadDefinition = (
  source: Source,
  path: string,
  run: { readonly tenant: string; readonly project: string },
) => Promise<string>;
