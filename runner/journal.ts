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

/** A duration for people: `<0.1 s`, `0.5 s`, `12 s`, `3 min 5 s`, `10 min`. */
export function describeMs(ms: number): string {
  if (ms < 50) return "<0.1 s";
  const tenths = Math.round(ms / 100) / 10;
  if (tenths < 60) return `${tenths} s`;
  const seconds = Math.round(ms / 1_000);
  const rest = seconds % 60;
  return `${Math.floor(seconds / 60)} min${rest === 0 ? "" : ` ${rest} s`}`;
}
