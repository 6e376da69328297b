import { fstatSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { messageOf } from "./message-of.ts";

/**
 * For a program that serves: what becomes of its output must not end it. A pipe or terminal whose reader has gone takes
 * nothing more; one whose reader does not read waits, up to a bound. Node destroys standard output at the first error of a
 * file, so lines are written straight to it. What was not taken is counted, and reported when there is room again.
 */
export function keepLogging(): void {
  for (const [fd, stream] of [
    [1, process.stdout],
    [2, process.stderr],
  ] as const) {
    // A command ends where its output does; from here on nothing does.
    stream.removeAllListeners("error").on("error", stay);
    if (isFile(fd)) replaceWrite(stream, fd);
    else boundWrite(stream);
  }
}

/** What may wait in memory for a reader that does not read. */
const WAITING_BYTES_MAX = 1_048_576;

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
    callBack(encoding, done);
    return true;
  };
}

function boundWrite(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream) as (chunk: unknown, encoding?: unknown, done?: unknown) => boolean;
  let lost = 0;
  stream.write = (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    if (stream.writableLength < WAITING_BYTES_MAX) {
      if (lost > 0) write(`${lostLine(lost, "nobody reads them")}\n`);
      lost = 0;
      return write(chunk, encoding, done);
    }
    lost += 1;
    callBack(encoding, done);
    return true;
  };
}

function callBack(encoding: unknown, done: unknown): void {
  const callback = typeof encoding === "function" ? encoding : done;
  if (typeof callback === "function") process.nextTick(callback);
}

function stay(): void {}

const encodingOf = (encoding: unknown): BufferEncoding | undefined =>
  typeof encoding === "string" && Buffer.isEncoding(encoding) ? encoding : undefined;

/** Or a device that is no terminal: /dev/full. */
function isFile(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isFile() || (stat.isCharacterDevice() && !isatty(fd));
  } catch {
    // Closed: there is nothing to keep.
    return false;
  }
}
