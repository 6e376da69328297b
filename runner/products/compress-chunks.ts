import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { CHUNKS_IN_FLIGHT_MAX, LOG_GZIP_LEVEL } from "./limits.ts";

/** Turns a chunk's bytes into the object that is stored. */
export type Compress = (raw: Buffer) => Promise<Buffer>;

const zip = promisify(gzip);
const GZIP = { level: LOG_GZIP_LEVEL, chunkSize: 256 * 1_024 };

export const compressWithGzip: Compress = (raw) => zip(raw, GZIP);

/** Compresses chunks in the thread pool, a few at a time, and hands them on in the order in which they came. */
export interface ChunkCompressor {
  /** `raw` belongs to the compressor until it is handed to `release`. */
  add(offset: number, raw: Buffer): void;
  readonly inFlight: number;
  /** Resolves when another chunk may come; undefined where it may come now. */
  room(): Promise<void> | undefined;
  settled(): Promise<void>;
}

/** `store` gets each object in order; where it or gzip throws, `failed` is told instead. */
export function makeChunkCompressor(to: {
  readonly compress: Compress;
  readonly store: (offset: number, bytes: number, object: Buffer) => Promise<void>;
  readonly failed: (offset: number, bytes: number, error: unknown) => void;
  readonly release: (raw: Buffer) => void;
}): ChunkCompressor {
  const waiting: (() => void)[] = [];
  let inFlight = 0;
  let last: Promise<void> = Promise.resolve();

  const handOn = async (before: Promise<void>, offset: number, raw: Buffer): Promise<void> => {
    // Both at once: compression overtakes, the handing on does not.
    const [object] = await Promise.allSettled([to.compress(raw), before]);
    try {
      if (object.status === "rejected") throw object.reason;
      await to.store(offset, raw.length, object.value);
    } catch (error) {
      to.failed(offset, raw.length, error);
    }
    to.release(raw);
    inFlight -= 1;
    for (const resume of waiting.splice(0)) resume();
  };

  return {
    add(offset, raw) {
      inFlight += 1;
      last = handOn(last, offset, raw);
    },
    get inFlight() {
      return inFlight;
    },
    room() {
      return inFlight < CHUNKS_IN_FLIGHT_MAX ? undefined : new Promise((resume) => waiting.push(resume));
    },
    settled: () => last,
  };
}
