import { fstatSync, writeSync } from "node:fs";
import { messageOf } from "./message-of.ts";

/**
 * A log file must not end the program that writes it. Node destroys standard output at the first error of a file, and the
 * error ends the process; so where it is one, lines are written straight to it, and what its disk does not take is
 * counted, and reported when there is room again.
 */
export function keepLogging(): void {
  for (const [fd, stream] of [
    [1, process.stdout],
    [2, process.stderr],
  ] as const)
    if (isFile(fd)) replaceWrite(stream, fd);
}

type Write = (fd: number, bytes: Buffer) => number;

/** Writes a chunk, or counts it as lost. `write`: as `writeSync` does. */
export function makeSteadyWriter(fd: number, write: Write = writeSync): (chunk: Buffer) => void {
  let lost = 0;
  let why = "";
  let midLine = false;
  /** Throws where not all of it could be written. */
  const writeAll = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; ) {
      at += write(fd, bytes.subarray(at));
      midLine = at > 0 && bytes[at - 1] !== NEWLINE;
    }
  };
  return (chunk) => {
    try {
      if (lost > 0) writeAll(Buffer.from(`${midLine ? "\n" : ""}${lostLine(lost, why)}\n`));
      lost = 0;
      writeAll(chunk);
    } catch (error) {
      lost += 1;
      why = messageOf(error);
    }
  };
}

const NEWLINE = 10;
const lostLine = (lost: number, why: string) =>
  JSON.stringify({ level: "ERROR", message: "lines of this log were lost", lines: lost, error: why });

function replaceWrite(stream: NodeJS.WriteStream, fd: number): void {
  const writeChunk = makeSteadyWriter(fd);
  stream.write = (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    writeChunk(typeof chunk === "string" ? Buffer.from(chunk, encodingOf(encoding)) : Buffer.from(chunk));
    const callback = typeof encoding === "function" ? encoding : done;
    if (typeof callback === "function") process.nextTick(callback);
    return true;
  };
}

const encodingOf = (encoding: unknown): BufferEncoding | undefined =>
  typeof encoding === "string" && Buffer.isEncoding(encoding) ? encoding : undefined;

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    // Closed: there is nothing to keep.
    return false;
  }
}
