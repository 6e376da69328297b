import type { OutputSink } from "./executors/executor.ts";
import type { AttemptLog } from "./products/log.ts";

const MARK = "--- ";
const NEWLINE = 10;

/** The attempt's log as its steps and its runner write it. The runner's own lines begin with `--- `. */
export interface Journal {
  readonly sink: OutputSink;
  /** Writes a line of the runner's own, on a new line even where output ended without one. */
  line(text: string): void;
  /** Drops what comes from here on: an escaped process may still write when the log is sealed. */
  close(): void;
}

export function makeJournal(log: AttemptLog): Journal {
  let atLineStart = true;
  let open = true;

  function sink(bytes: Buffer): void | Promise<void> {
    if (!open) return;
    atLineStart = bytes.at(-1) === NEWLINE;
    return log.write(bytes);
  }

  return {
    sink,
    line(text) {
      // Backpressure is for bulk; a runner's line is short.
      void sink(Buffer.from(`${atLineStart ? "" : "\n"}${MARK}${text}\n`));
    },
    close() {
      open = false;
    },
  };
}

/** A duration for people: `20 ms`, `12.0 s`, `3 min 5 s`. */
export function describeMs(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
