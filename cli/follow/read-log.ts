import type { Client } from "../../shared/protocol/client.ts";
import type { LogPage } from "../../shared/protocol/runs.ts";
import { ChunkDamaged, type ChunkEntry, ChunkMissing, fetchChunk } from "../products/fetch-chunk.ts";
import type { ShownGap } from "./follow-sink.ts";

/** How far one attempt's log has been read. */
export interface LogCursor {
  readonly runId: string;
  readonly jobId: string;
  readonly fence: number;
  afterSeq: number;
  /** Bytes of output shown or known to be lost: the offset that comes next. */
  position: number;
  /** Tries of the next chunk that found nothing, in a row. */
  missed: number;
}

export interface LogReader {
  output(bytes: Uint8Array): void | Promise<void>;
  gap(gap: ShownGap): void | Promise<void>;
}

/** `more`: ask again at once. `idle`: nothing new yet. `end`: the log is final and all of it was given. */
export type LogProgress = { readonly state: "more" | "idle" | "end"; readonly moved: boolean };

/** A chunk of a sealed log that does not come is asked for this often before it is told as a gap. */
export const CHUNK_TRIES_MAX = 5;

export const startOfLog = (runId: string, jobId: string, fence: number): LogCursor => ({
  runId,
  jobId,
  fence,
  afterSeq: -1,
  position: 0,
  missed: 0,
});

/**
 * Reads one page of an attempt's log and gives it in order. Output is contiguous: what is missing between two chunks,
 * before the end, or by a damaged object is told as a gap where it belongs (DESIGN section 6, invariant 11).
 */
export async function readLog(
  client: Client,
  cursor: LogCursor,
  reader: LogReader,
  signal?: AbortSignal,
): Promise<LogProgress> {
  const page = await client.call(
    "getLog",
    { params: { run: cursor.runId, job: cursor.jobId }, query: { after: cursor.afterSeq, fence: cursor.fence } },
    signal === undefined ? {} : { signal },
  );
  let moved = false;
  for (const entry of page.chunks) {
    if (entry.seq <= cursor.afterSeq) continue;
    const given = await giveChunk(entry, page, cursor, reader, signal);
    if (!given) return { state: "idle", moved };
    cursor.afterSeq = entry.seq;
    cursor.missed = 0;
    moved = true;
  }
  cursor.afterSeq = Math.max(cursor.afterSeq, page.lastSeq);
  if (page.more) return { state: "more", moved };
  if (!page.sealed) return { state: "idle", moved };
  await giveEnd(page, cursor, reader);
  return { state: "end", moved };
}

/** False: the chunk is not there yet, ask again later. */
async function giveChunk(
  entry: ChunkEntry,
  page: LogPage,
  cursor: LogCursor,
  reader: LogReader,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (entry.offset !== undefined) {
    if (entry.offset < cursor.position) return true; // shown already, while the attempt lived
    await giveGapBefore(entry.offset, page, cursor, reader);
  }
  try {
    cursor.position += await fetchChunk(entry, (bytes) => reader.output(bytes), signal);
    return true;
  } catch (error) {
    if (error instanceof ChunkDamaged) {
      await giveLostChunk(entry, `damaged: ${error.message}`, cursor, reader);
      return true;
    }
    if (!(error instanceof ChunkMissing)) throw error;
    cursor.missed += 1;
    if (!page.sealed || cursor.missed < CHUNK_TRIES_MAX) return false;
    await giveLostChunk(entry, `missing: ${error.message}`, cursor, reader);
    return true;
  }
}

async function giveLostChunk(entry: ChunkEntry, reason: string, cursor: LogCursor, reader: LogReader): Promise<void> {
  await reader.gap({ bytes: entry.bytes, reason });
  if (entry.offset !== undefined && entry.bytes !== undefined) cursor.position = entry.offset + entry.bytes;
}

async function giveGapBefore(offset: number, page: LogPage, cursor: LogCursor, reader: LogReader): Promise<void> {
  if (offset <= cursor.position) return;
  const recorded = page.gaps.find((gap) => gap.offset < offset && gap.offset + gap.bytes > cursor.position);
  await reader.gap({ bytes: offset - cursor.position, reason: recorded?.reason ?? "not recorded" });
  cursor.position = offset;
}

async function giveEnd(page: LogPage, cursor: LogCursor, reader: LogReader): Promise<void> {
  if (page.seal === undefined) return;
  if (page.seal.index.kind === "lost") await reader.gap({ bytes: undefined, reason: "the log's index was lost" });
  else await giveGapBefore(page.seal.bytes, page, cursor, reader);
}
