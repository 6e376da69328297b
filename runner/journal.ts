import type { OutputSink } from "./executors/executor.ts";
import type { AttemptLog } from "./products/log.ts";

const MARK = "--- ";
const NEWLINE = 10;

/** The attempt's log as its steps and its runner write it. The runner's own lines begin with `--- `. */
export interface Journal {
  readonly sink: OutputSink;
  /** Writes a line of the runner's own, on a new line even where output ended without one. */
  line(text: string): void;
  /** Drops the steps' output from here on: a process that got away may still write. */
  close(): void;
  /** Drops all that comes from here on: the log is about to be sealed. */
  end(): void;
}

export function makeJournal(log: AttemptLog): Journal {
  let atLineStart = true;
  let open: "to all" | "to the runner" | "to nobody" = "to all";

  function write(bytes: Buffer): void | Promise<void> {
    atLineStart = bytes.at(-1) === NEWLINE;
    return log.write(bytes);
  }

  return {
    sink(bytes) {
      if (open === "to all") return write(bytes);
    },
    line(text) {
      if (open === "to nobody") return;
      // Backpressure is for bulk; a runner's line is short.
      void write(Buffer.from(`${atLineStart ? "" : "\n"}${MARK}${text}\n`));
    },
    close() {
      if (open === "to all") open = "to the runner";
    },
    end() {
      open = "to nobody";
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
