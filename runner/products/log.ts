import { LOG_BYTES_MAX } from "../../shared/domain/limits.ts";
import type { Clock } from "../../shared/lib/clock.ts";
import { put as putOnce } from "../../shared/lib/transfer.ts";
import type { SignedRequest, UploadFile } from "../../shared/protocol/leases.ts";
import type { LogSeal } from "../../shared/protocol/products.ts";
import { type Compress, compressWithGzip } from "./compress-chunks.ts";
import { flushDelayMs } from "./flush-delay.ts";
import { SEAL_MS, SPOOL_BYTES_MAX, SPOOL_MEMORY_BYTES_MAX } from "./limits.ts";
import { type LogLimits, openLogBody } from "./log-body.ts";
import { makeMasker } from "./mask.ts";
import type { Put } from "./send-object.ts";
import { makeSpool, type Spool } from "./spool.ts";

/** The log of one attempt: masked, cut into immutable gzip chunks, uploaded while it grows, sealed at its end. */
export interface AttemptLog {
  /** A promise is backpressure: write no more before it resolves. Throws after seal and discard. */
  write(bytes: Buffer): void | Promise<void>;
  /** Somebody follows: output goes up within FLUSH_WATCHED_MS. */
  setWatched(on: boolean): void;
  /** Masked bytes so far; only the longest end that may still become a secret is not counted. */
  readonly bytes: number;
  /** Secrets that are not masked, by their place in the list. */
  readonly warnings: readonly string[];
  /** Uploads the rest and seals. Never throws: what is not stored when `signal` aborts, or after SEAL_MS, is a gap. */
  seal(signal?: AbortSignal): Promise<LogSeal>;
  /** After the seal: what was lost and why, one line for each reason. */
  losses(): readonly string[];
  /** Stops all work and removes the spool: the lease is gone, so nothing of this log counts. */
  discard(): Promise<void>;
}

const LIMITS: LogLimits = {
  logBytesMax: LOG_BYTES_MAX,
  spoolBytesMax: SPOOL_BYTES_MAX,
  spoolMemoryBytesMax: SPOOL_MEMORY_BYTES_MAX,
  sealMs: SEAL_MS,
};

export interface LogOptions {
  /** The log's own folder; made when needed, removed at the end. */
  readonly dir: string;
  /** Asks the control plane for links, in the order of the files. */
  readonly upload: (files: UploadFile[]) => Promise<readonly SignedRequest[]>;
  readonly firstUpload: SignedRequest;
  readonly secrets: readonly string[];
  readonly clock: Clock;
  readonly watched: boolean;
  readonly put?: Put;
  readonly compress?: Compress;
  /** In place of the one in `dir`. */
  readonly spool?: Spool;
  readonly limits?: Partial<LogLimits>;
}

/** Opens the log of an attempt. Throws DomainError where the secrets are too large to be masked. */
export function openLog(options: LogOptions): AttemptLog {
  const limits: LogLimits = { ...LIMITS, ...options.limits };
  const masker = makeMasker(options.secrets);
  const { dir, put = putOnce, compress = compressWithGzip } = options;
  const { spoolMemoryBytesMax: memoryBytesMax, spoolBytesMax: bytesMax } = limits;
  const spool = options.spool ?? makeSpool({ dir, memoryBytesMax, bytesMax });
  const body = openLogBody({ ...options, put, compress, spool, limits });
  let state: "open" | "sealed" | "discarded" = "open";
  let sealing: Promise<LogSeal> | undefined;
  let watched = options.watched;
  let timer: NodeJS.Timeout | undefined;

  const schedule = (): void => {
    if (timer !== undefined || body.pending === 0 || state !== "open") return;
    timer = setTimeout(flush, flushDelayMs({ watched, sinceFlushMs: body.sinceFlushMs(), chunks: body.chunks }));
    timer.unref();
  };
  const unschedule = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  const flush = (): void => {
    timer = undefined;
    body.flush();
    schedule();
  };

  return {
    write(chunk) {
      if (state !== "open") throw new Error(`the log is ${state}`);
      body.append(masker.write(chunk));
      schedule();
      return body.room();
    },
    setWatched(on) {
      if (on === watched) return;
      watched = on;
      unschedule();
      schedule();
    },
    get bytes() {
      return body.bytes;
    },
    warnings: masker.warnings,
    seal(signal) {
      if (state === "discarded") return Promise.reject(new Error("the log is discarded"));
      if (sealing !== undefined) return sealing;
      state = "sealed";
      unschedule();
      body.append(masker.end());
      const timeout = AbortSignal.timeout(limits.sealMs);
      sealing = body.finish(signal === undefined ? timeout : AbortSignal.any([timeout, signal]));
      return sealing;
    },
    losses: body.losses,
    async discard() {
      state = "discarded";
      unschedule();
      await body.stop();
    },
  };
}
