import { FLUSH_MS, FLUSH_SLOWER_AT, FLUSH_WATCHED_FIRST_MS, FLUSH_WATCHED_MS } from "./limits.ts";

/**
 * How long output may wait for its flush. Watched: a first line shows at once, a stream twice a second, and less often
 * in a log of very many chunks. Unwatched: long enough that a short job is one object.
 */
export function flushDelayMs(log: {
  readonly watched: boolean;
  readonly sinceFlushMs: number;
  readonly chunks: number;
}): number {
  if (!log.watched) return FLUSH_MS;
  const slower = FLUSH_SLOWER_AT.findLast((step) => log.chunks >= step.chunks);
  return Math.max(FLUSH_WATCHED_FIRST_MS, (slower?.everyMs ?? FLUSH_WATCHED_MS) - log.sinceFlushMs);
}
