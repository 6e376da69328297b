import { LOG_CHUNKS_MAX } from "../../shared/domain/limits.ts";
import type { Clock } from "../../shared/lib/clock.ts";
import type { SignedRequest, UploadFile } from "../../shared/protocol/leases.ts";
import type { LogSeal } from "../../shared/protocol/products.ts";
import { makeBlock } from "./chunk-block.ts";
import { type Compress, makeChunkCompressor } from "./compress-chunks.ts";
import { makeGapList } from "./gap-list.ts";
import { CHUNK_BYTES_FIRST, CHUNK_BYTES_MAX, CHUNK_LOG_PART } from "./limits.ts";
import { sealLog, sha256Of } from "./seal-log.ts";
import type { Put } from "./send-object.ts";
import type { Spool } from "./spool.ts";
import { makeChunkUploader } from "./upload-chunks.ts";

export interface LogLimits {
  readonly logBytesMax: number;
  readonly spoolBytesMax: number;
  readonly spoolMemoryBytesMax: number;
  readonly sealMs: number;
}

/** A log's bytes, masked already, on their way: block → gzip → spool → bucket. When to flush is the log's affair. */
export interface LogBody {
  append(data: Buffer): void;
  /** Cuts a chunk, unless uploads are behind: more and smaller chunks would only put them further behind. */
  flush(): void;
  /** Resolves when more may be appended; undefined where it may be now. */
  room(): Promise<void> | undefined;
  sinceFlushMs(): number;
  /** Bytes that stand in chunks, in gaps, or wait to be cut. */
  readonly bytes: number;
  readonly pending: number;
  readonly chunks: number;
  /** Uploads the rest and makes the seal; what is not stored when `signal` aborts is a gap. Never throws. */
  finish(signal: AbortSignal): Promise<LogSeal>;
  losses(): readonly string[];
  stop(): Promise<void>;
}

export interface LogBodyOptions {
  readonly spool: Spool;
  readonly compress: Compress;
  readonly upload: (files: UploadFile[]) => Promise<readonly SignedRequest[]>;
  readonly firstUpload: SignedRequest;
  readonly clock: Clock;
  readonly put: Put;
  readonly limits: LogLimits;
}

export function openLogBody(options: LogBodyOptions): LogBody {
  const { limits, put, spool } = options;
  const gaps = makeGapList();
  const block = makeBlock();
  const uploader = makeChunkUploader({
    ask: options.upload,
    first: options.firstUpload,
    put,
    spool,
    lost: (chunk, why) => gaps.add("upload_failed", chunk.offset, chunk.bytes, why),
  });
  let bytes = 0;
  let nextSeq = 0;
  let flushedAtMs = Number.NEGATIVE_INFINITY;
  let stopped = false;

  const store = async (offset: number, rawBytes: number, object: Buffer): Promise<void> => {
    if (stopped) return;
    if (nextSeq >= LOG_CHUNKS_MAX)
      return gaps.add("limit", offset, rawBytes, `a log has at most ${LOG_CHUNKS_MAX} chunks`);
    const why = await spool.keep(nextSeq, object);
    if (why !== undefined) return gaps.add("spool_full", offset, rawBytes, why);
    uploader.add({ seq: nextSeq, offset, bytes: rawBytes, gzipBytes: object.length, sha256: sha256Of(object) });
    nextSeq += 1;
  };
  const compressor = makeChunkCompressor({
    compress: options.compress,
    store,
    failed: (offset, rawBytes, error) => gaps.add("upload_failed", offset, rawBytes, String(error)),
    release: block.giveBack,
  });

  const cut = (): void => {
    if (block.length === 0) return;
    const offset = bytes - block.length;
    flushedAtMs = options.clock.monotonicMs();
    compressor.add(offset, block.take());
  };
  const fill = (data: Buffer): void => {
    for (let at = 0; at < data.length; ) {
      const target = chunkTarget(bytes);
      const count = block.fill(data, at, target);
      at += count;
      bytes += count;
      if (block.length >= target) cut();
    }
  };

  return {
    append(data) {
      const room = Math.max(0, Math.min(data.length, limits.logBytesMax - bytes));
      fill(data.subarray(0, room));
      if (room === data.length) return;
      cut();
      bytes += gaps.addOverLimit(bytes, data.length - room, `the log is limited to ${limits.logBytesMax} bytes`);
    },
    flush() {
      if (uploader.waiting <= 1 && compressor.inFlight === 0) cut();
      else flushedAtMs = options.clock.monotonicMs();
    },
    room: compressor.room,
    sinceFlushMs: () => options.clock.monotonicMs() - flushedAtMs,
    get bytes() {
      return bytes;
    },
    get pending() {
      return block.length;
    },
    get chunks() {
      return nextSeq;
    },
    async finish(signal) {
      cut();
      await compressor.settled();
      await uploader.finish(signal);
      const parts = { bytes, chunks: uploader.stored, gaps: gaps.gaps };
      const seal = await sealLog({ ...parts, ask: options.upload, put, signal });
      if (seal.index.kind === "lost") gaps.note("log: its index could not be stored; its chunks are in the bucket");
      await spool.clear();
      return seal;
    },
    losses: gaps.lines,
    async stop() {
      stopped = true;
      await uploader.stop();
      await compressor.settled();
      await spool.clear();
    },
  };
}

/** How large the next chunk may grow, in bytes of masked output. */
function chunkTarget(logBytes: number): number {
  return Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_FIRST, Math.floor(logBytes / CHUNK_LOG_PART)));
}
