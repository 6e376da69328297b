import { StringDecoder } from "node:string_decoder";
import type { Output } from "./output.ts";
import { openColours, sanitizeLine } from "./sanitize.ts";

/**
 * Prints one job's output line by line behind a prefix, so that several jobs interleave by whole lines. A line longer
 * than `LINE_CHARS_MAX` is broken. Of text that rewrites its own line (progress bars), the last state is kept.
 */
export interface LinePrinter {
  write(bytes: Uint8Array): void | Promise<void>;
  /** Prints what has no line end yet: another line follows that is not the job's. */
  flush(): void | Promise<void>;
}

export const LINE_CHARS_MAX = 16_384;

export function makeLinePrinter(options: { output: Output; prefix: string; colour: boolean }): LinePrinter {
  const { output, prefix, colour } = options;
  const decoder = new StringDecoder("utf8");
  let pending = "";
  let colours = "";

  const printed = (line: string): string => {
    const clean = sanitizeLine(lastState(line), colour);
    const before = colours;
    colours = openColours(before, clean);
    const ends = before !== "" || colours !== "" || clean.includes("\u001b");
    return `${prefix}${before}${clean}${ends ? "\u001b[0m" : ""}\n`;
  };

  return {
    write(bytes) {
      const lines = (pending + decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))).split(
        "\n",
      );
      pending = lines.pop() ?? "";
      let text = lines
        .flatMap((line) => broken(line))
        .map(printed)
        .join("");
      while (pending.length > LINE_CHARS_MAX) {
        text += printed(pending.slice(0, LINE_CHARS_MAX));
        pending = pending.slice(LINE_CHARS_MAX);
      }
      if (text !== "") return output.write(text);
    },
    flush() {
      const rest = pending + decoder.end();
      pending = "";
      if (rest !== "") return output.write(printed(rest));
    },
  };
}

function broken(line: string): string[] {
  const parts: string[] = [];
  for (let at = 0; at === 0 || at < line.length; at += LINE_CHARS_MAX) parts.push(line.slice(at, at + LINE_CHARS_MAX));
  return parts;
}

/** A carriage return goes back to the start of the line: what stands there last is what a terminal shows. */
function lastState(line: string): string {
  const trimmed = line.replace(/\r+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("\r") + 1);
}
