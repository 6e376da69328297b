import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { LOG_CHUNK_BYTES_MAX } from "../../shared/domain/limits.ts";
import { openCall } from "../../shared/lib/http-call.ts";
import { UnreachableError } from "../../shared/protocol/client.ts";
import type { LogPage } from "../../shared/protocol/runs.ts";

export type ChunkEntry = LogPage["chunks"][number];

/** The object is not there (yet): of a live attempt it may still come. */
export class ChunkMissing extends Error {
  override readonly name = "ChunkMissing";
}

/** The object is not what the seal says: wrong size, wrong digest, no gzip. It must not be shown. */
export class ChunkDamaged extends Error {
  override readonly name = "ChunkDamaged";
}

const FETCH_TIMEOUT_MS = 30_000;
const OK = 200;
/** A gzip of a chunk may not unpack to more: far over what a runner puts in one (`LOG_CHUNK_BYTES_MAX` compressed). */
const CHUNK_UNPACKED_BYTES_MAX = 512 * 1_024 * 1_024;

/**
 * Downloads one chunk and gives its output piece by piece, waiting for each: one compressed chunk is all that is held.
 * Where the entry carries a digest, nothing is given before it is verified (SECURITY 32). Returns the bytes given.
 */
export async function fetchChunk(
  entry: ChunkEntry,
  give: (piece: Uint8Array) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<number> {
  const gzip = await download(entry, signal);
  verify(entry, gzip);
  let bytes = 0;
  const pieces = Readable.from([gzip]).pipe(createGunzip());
  try {
    for await (const piece of pieces as AsyncIterable<Uint8Array>) {
      bytes += piece.length;
      if (bytes > (entry.bytes ?? CHUNK_UNPACKED_BYTES_MAX)) throw new ChunkDamaged(`chunk ${entry.seq} is too long`);
      await give(piece);
    }
  } catch (cause) {
    if (isZlibError(cause)) throw new ChunkDamaged(`chunk ${entry.seq} is not gzip`, { cause });
    throw cause;
  }
  if (entry.bytes !== undefined && bytes !== entry.bytes) throw new ChunkDamaged(`chunk ${entry.seq} is too short`);
  return bytes;
}

async function download(entry: ChunkEntry, signal: AbortSignal | undefined): Promise<Buffer> {
  try {
    return await readObject(entry, signal);
  } catch (cause) {
    if (cause instanceof ChunkMissing || cause instanceof ChunkDamaged) throw cause;
    throw new UnreachableError(`no answer from ${new URL(entry.url).origin} for chunk ${entry.seq}`, { cause });
  }
}

async function readObject(entry: ChunkEntry, signal: AbortSignal | undefined): Promise<Buffer> {
  const timeout = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  const response = await openCall(
    { method: "GET", url: entry.url, headers: {} },
    signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
  );
  if (response.statusCode !== OK) {
    response.destroy();
    throw new ChunkMissing(`chunk ${entry.seq} answered ${response.statusCode}`);
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > LOG_CHUNK_BYTES_MAX) throw new ChunkDamaged(`chunk ${entry.seq} is over ${LOG_CHUNK_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, bytes);
}

function verify(entry: ChunkEntry, gzip: Buffer): void {
  if (entry.gzipBytes !== undefined && gzip.length !== entry.gzipBytes) {
    throw new ChunkDamaged(`chunk ${entry.seq} has ${gzip.length} bytes, not ${entry.gzipBytes}`);
  }
  if (entry.sha256 !== undefined && createHash("sha256").update(gzip).digest("hex") !== entry.sha256) {
    throw new ChunkDamaged(`chunk ${entry.seq} does not have its digest`);
  }
}

function isZlibError(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && String(cause.code).startsWith("Z_");
}
