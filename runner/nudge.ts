/**
 * Somebody who knows that news waits at the control plane (a cancellation) lets every lease be renewed now, and not at
 * its time: the answer brings the news.
 */
export interface Nudge {
  now(): void;
  /** Aborted by the next nudge. */
  next(): AbortSignal;
}

export function makeNudge(): Nudge {
  let waiting = new AbortController();
  return {
    now() {
      const nudged = waiting;
      waiting = new AbortController();
      nudged.abort();
    },
    next: () => waiting.signal,
  };
}
