import { once } from "node:events";
import type { Writable } from "node:stream";
import { showInvisible } from "../../shared/lib/invisible.ts";

/** Where a command prints, with backpressure: a slow reader slows the command, and memory stays bounded. */
export interface Output {
  write(text: string): void | Promise<void>;
}

/** Writes to a stream, with nothing invisible in it; the promise settles when the stream takes more. Errors of the stream are the program's matter. */
export function streamOutput(stream: Writable): Output {
  return {
    write(text) {
      if (stream.write(showInvisible(text)) || stream.destroyed) return;
      return drained(stream);
    },
  };
}

async function drained(stream: Writable): Promise<void> {
  await Promise.race([once(stream, "drain"), once(stream, "close")]);
}
