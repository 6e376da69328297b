import { DomainError } from "../domain/errors.ts";
import { jobMoves } from "../domain/job-moves.ts";
import { LOG_INDEX_BYTES_MAX, LOG_PAGE_CHUNKS, WATCH_MS } from "../domain/limits.ts";
import { isJobEnded } from "../domain/verdict.ts";
import { parseJson } from "../lib/parse-json.ts";
import { isWholeIndex, type LogGap, type LogIndex, type LogSeal, logIndexSchema } from "../protocol/products.ts";
import type { LogPage } from "../protocol/runs.ts";
import type { JobItem } from "../store/items.ts";
import {
  type AttemptRef,
  chunkSeq,
  type JobRef,
  jobKey,
  logChunkObject,
  logIndexObject,
  logPrefix,
} from "../store/keys.ts";
import type { Deps } from "./deps.ts";
import { digest } from "./specs.ts";

type Unlinked = LogPage["chunks"][number] extends infer C ? Omit<C & object, "url"> & { readonly seq: number } : never;

/**
 * A page of one attempt's log, as links: bytes never pass through here. A sealed log is read from its index; a living
 * one from what lies in the bucket, and reading it tells its runner that somebody watches.
 */
export async function readLog(
  deps: Deps,
  ref: JobRef,
  query: { readonly after: number; readonly fence?: number | undefined },
): Promise<LogPage> {
  const job = await deps.store.getJob(ref);
  if (job === undefined) throw new DomainError("not_found", `there is no job ${ref.jobId} in run ${ref.runId}`);
  const fence = query.fence ?? newestFence(job);
  const attempt = job.attempts[String(fence)];
  if (query.fence !== undefined && attempt === undefined)
    throw new DomainError("not_found", `job ${ref.jobId} has no attempt ${fence}`);
  if (!isJobEnded(job.state)) await noteWatcher(deps, job);
  if (attempt === undefined)
    return { fence: 0, sealed: isJobEnded(job.state), lastSeq: -1, more: false, chunks: [], gaps: [] };
  const at: AttemptRef = { ...ref, runId: job.inheritedFrom ?? job.runId, fence };
  const seal = attempt.end?.log;
  const index = seal === undefined ? undefined : await readIndex(deps, at, seal);
  if (seal !== undefined && index !== undefined) return sealedPage(deps, at, query.after, seal, index);
  return listedPage(deps, at, query.after, attempt.end !== undefined, seal);
}

function newestFence(job: JobItem): number {
  return Math.max(0, ...Object.keys(job.attempts).map(Number));
}

/** At most one write in half of the time that a watcher counts. */
async function noteWatcher(deps: Deps, job: JobItem): Promise<void> {
  const nowMs = deps.clock.nowMs();
  if (job.state === "stopping" || job.watchedUntilMs > nowMs + WATCH_MS / 2) return;
  await deps.store.apply(jobMoves.watch, jobKey(job), { nowMs, watchedUntilMs: nowMs + WATCH_MS }, { actor: "reader" });
}

async function sealedPage(
  deps: Deps,
  at: AttemptRef,
  after: number,
  seal: LogSeal,
  { chunks, gaps }: LogIndex,
): Promise<LogPage> {
  const rest = chunks.filter((chunk) => chunk.seq > after);
  return page(deps, at, after, { found: rest, gaps, sealed: true, seal });
}

/**
 * Undefined where it is lost: the holder said so, or never stored the object that it named, or another one. What a
 * holder says is no reason to fail a reader.
 */
async function readIndex(deps: Deps, at: AttemptRef, seal: LogSeal): Promise<LogIndex | undefined> {
  if (seal.index.kind === "inline") return isWholeIndex(seal, seal.index) ? inOrder(seal.index) : undefined;
  if (seal.index.kind === "lost") return undefined;
  const { sha256, bytes } = seal.index;
  const text = await deps.bucket.get(logIndexObject(at), LOG_INDEX_BYTES_MAX);
  if (text === undefined || text.length !== bytes || digest(text) !== sha256) return undefined;
  const index = logIndexSchema.safeParse(parseJson(text.toString())).data;
  return index !== undefined && isWholeIndex(seal, index) ? inOrder(index) : undefined;
}

/** Pages are cut by number. */
const inOrder = ({ chunks, gaps }: LogIndex): LogIndex => ({ chunks: chunks.toSorted((a, b) => a.seq - b.seq), gaps });

/** Without an index the bucket's own listing must do: the chunks are immutable and in order. */
async function listedPage(
  deps: Deps,
  at: AttemptRef,
  after: number,
  sealed: boolean,
  seal: LogSeal | undefined,
): Promise<LogPage> {
  const afterKey = after < 0 ? undefined : logChunkObject(at, after);
  const objects = await deps.bucket.list(logPrefix(at), afterKey, LOG_PAGE_CHUNKS + 1);
  const found = objects.flatMap(({ key, bytes }): Unlinked[] => {
    const seq = chunkSeq(key);
    return seq === undefined ? [] : [{ seq, gzipBytes: bytes }];
  });
  return page(deps, at, after, { found, gaps: [], sealed, seal: withoutIndex(seal) });
}

/** Told to the reader as what it is, whatever the holder said of it. */
const withoutIndex = (seal: LogSeal | undefined): LogSeal | undefined =>
  seal === undefined ? undefined : { ...seal, index: { kind: "lost" } };

interface Found {
  readonly found: readonly Unlinked[];
  readonly gaps: LogGap[];
  readonly sealed: boolean;
  readonly seal: LogSeal | undefined;
}

async function page(deps: Deps, at: AttemptRef, after: number, { found, gaps, sealed, seal }: Found): Promise<LogPage> {
  const shown = found.slice(0, LOG_PAGE_CHUNKS);
  const chunks = await Promise.all(
    shown.map(async (chunk) => ({ ...chunk, url: (await deps.bucket.signGet(logChunkObject(at, chunk.seq))).url })),
  );
  return {
    fence: at.fence,
    sealed,
    lastSeq: shown.at(-1)?.seq ?? after,
    more: found.length > shown.length,
    chunks,
    gaps,
    ...(seal === undefined ? {} : { seal }),
  };
}
