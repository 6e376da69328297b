import { StringDecoder } from "node:string_decoder";
import { openColours, sanitizeLine } from "./sanitize.ts";
import type { SharedLines } from "./shared-lines.ts";

/**
 * Prints one job's output line by line behind a prefix, so that several jobs interleave by whole lines. A line that has no
 * end after `PARTIAL_MS` is shown as far as it is, and goes on there. Of text that rewrites its own line (progress bars),
 * the last state is kept; a line longer than `LINE_CHARS_MAX` is broken.
 */
export interface LinePrinter {
  write(bytes: Uint8Array): void | Promise<void>;
  /** Prints what has no line end yet: another line follows that is not the job's. */
  flush(): void | Promise<void>;
}

export const LINE_CHARS_MAX = 16_384;
/** Somebody who waits wants to see dots come. */
export const PARTIAL_MS = 1_000;
/** A bar that rewrites its line would be a line a second. */
const REWRITTEN_MS = 10_000;

export interface LinePrinterOptions {
  readonly output: SharedLines;
  readonly prefix: string;
  readonly colour: boolean;
  /** For tests; `PARTIAL_MS` where absent. */
  readonly partialMs?: number;
}

export function makeLinePrinter({ output, prefix, colour, partialMs = PARTIAL_MS }: LinePrinterOptions): LinePrinter {
  const decoder = new StringDecoder("utf8");
  const owner = {};
  let pending = "";
  /** The beginning of `pending` that stands on the screen. */
  let shown = "";
  let colours = "";
  let timer: NodeJS.Timeout | undefined;

  const reset = (text: string): string => (text.includes("\u001b") || colours !== "" ? "\u001b[0m" : "");

  /** A part of a line; the colours that it leaves open go on in the next. */
  const painted = (part: string): string => {
    const clean = sanitizeLine(part, colour);
    const text = colours + clean;
    colours = openColours(colours, clean);
    return text + reset(text);
  };

  /** A whole line, or what a line lacks that stands there already. */
  const line = (state: string, isOpen: boolean): string => {
    const goesOn = shown !== "" && state.startsWith(shown);
    const rest = goesOn ? state.slice(shown.length) : state;
    shown = "";
    // All of it was shown, and somebody else's line has ended it since.
    if (goesOn && rest === "" && !isOpen) return "";
    const text = rest === "" && goesOn ? "" : painted(rest);
    return goesOn && isOpen ? `${text}\n` : `${isOpen ? "\n" : ""}${prefix}${text}\n`;
  };

  /** Only the first of several can be the one that stands open. */
  const linesOf = (states: readonly string[]): string => {
    const isOpen = output.isOpen(owner);
    return states.map((state, at) => line(state, isOpen && at === 0)).join("");
  };

  const showPartial = (): void => {
    timer = undefined;
    const state = pending.slice(0, heldFrom(pending)).replace(/\r+$/, "");
    if (state === "" || state === shown) return;
    const goesOn = shown !== "" && state.startsWith(shown);
    const isOpen = output.isOpen(owner);
    const text = painted(goesOn ? state.slice(shown.length) : state);
    shown = state;
    void output.piece(owner, goesOn && isOpen ? text : `${isOpen ? "\n" : ""}${prefix}${text}`);
  };

  const schedule = (): void => {
    if (pending === "" || pending === shown) return;
    const isRewritten = shown !== "" && !pending.startsWith(shown);
    timer ??= setTimeout(showPartial, isRewritten ? Math.max(partialMs, REWRITTEN_MS) : partialMs).unref();
  };

  const print = (text: string): void | Promise<void> => {
    if (text !== "") return output.piece(owner, text);
  };

  return {
    write(bytes) {
      const decoded = decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      const lines = (pending + decoded).split("\n");
      pending = currentState(lines.pop() ?? "");
      const whole = lines.flatMap((one) => broken(lastState(one)));
      while (pending.length > LINE_CHARS_MAX) {
        const cutAt = wholeUntil(pending, LINE_CHARS_MAX);
        whole.push(pending.slice(0, cutAt));
        pending = pending.slice(cutAt);
      }
      const text = linesOf(whole);
      if (text !== "" || pending === "") {
        clearTimeout(timer);
        timer = undefined;
      }
      schedule();
      return print(text);
    },
    flush() {
      clearTimeout(timer);
      timer = undefined;
      const rest = lastState(pending + decoder.end());
      pending = "";
      return print(rest === "" && shown === "" ? "" : linesOf([rest]));
    },
  };
}

function broken(line: string): string[] {
  const parts: string[] = [];
  for (let at = 0; at === 0 || at < line.length; ) {
    const length = wholeUntil(line.slice(at), LINE_CHARS_MAX);
    parts.push(line.slice(at, at + length));
    at += Math.max(length, 1);
  }
  return parts;
}

/** Where a text may be cut, at most at `max`: neither a character of two units nor an escape may lose its second half. */
function wholeUntil(text: string, max: number): number {
  if (text.length <= max) return text.length;
  const end = max - (/[\ud800-\udbff]$/.test(text.slice(max - 1, max)) ? 1 : 0);
  const held = heldFrom(text.slice(0, end));
  // What goes on for so long is no escape that anybody would miss.
  return end - held < ESCAPE_CHARS_MAX ? held : end;
}

const ESCAPE_CHARS_MAX = 256;

/** A carriage return goes back to the start of the line: what stands there last is what a terminal shows. */
function lastState(line: string): string {
  return currentState(line).replace(/\r+$/, "");
}

/** The same of a line that goes on: a carriage return at its end may belong to the line's end. */
function currentState(line: string): string {
  const end = line.replace(/\r+$/, "").length;
  return line.slice(line.lastIndexOf("\r", end - 1) + 1);
}

/** From where on a text may be an escape that has not come whole yet: that part is not shown. */
function heldFrom(text: string): number {
  const at = text.lastIndexOf("\u001b");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with ESC
  if (at < 0 || /^\u001b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-OQ-WYZ\\`-~])/.test(text.slice(at))) return text.length;
  return at;
}
