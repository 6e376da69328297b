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

/** An error ends the waiting, too, and is no error of this write: whoever listens to the stream decides about it. */
async function drained(stream: Writable): Promise<void> {
  await new Promise<void>((resolve) => {
    const settle = () => {
      for (const event of SETTLING) stream.off(event, settle);
      resolve();
    };
    for (const event of SETTLING) stream.once(event, settle);
  });
}

const SETTLING = ["drain", "close", "error"] as const;
