import { closeSync, constants, createReadStream, openSync } from "node:fs";
import { open } from "node:fs/promises";

/** Why a file is not taken as text, and where in it. `fileTrouble` tells it as it is. */
export class TextFileError extends Error {
  override readonly name = "TextFileError";
  /** From 1; columns in UTF-16 units. Absent where the whole file is meant. */
  readonly at: { readonly line: number; readonly column: number } | undefined;

  constructor(message: string, at?: { readonly line: number; readonly column: number }) {
    super(message);
    this.at = at;
  }
}

interface Reading {
  readonly bytesMax: number;
  /** Whether a pipe is meant, as `<(…)` is one: then it is read to its end, once. Else it is refused, and not waited for. */
  readonly streams?: boolean;
  /** How long a named pipe is waited for that nobody writes to. */
  readonly writerMs?: number;
}

/** Whoever makes a pipe starts what writes to it, at once. */
const WRITER_MS = 10_000;

/**
 * Reads a file that is text: UTF-8 without exception, a mark of byte order dropped, no NUL, within its bound. This is the only
 * way in which the program reads text that people write. Throws `TextFileError`, or what the file system says.
 */
export async function readTextFile(
  file: string,
  { bytesMax, streams = false, writerMs = WRITER_MS }: Reading,
): Promise<string> {
  // Not waiting: to open a pipe that nobody writes to would take for ever.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const seen = await handle.stat();
    if (seen.isDirectory()) throw new TextFileError("it is a folder");
    if (seen.isFile()) return decodeText(await readBounded(handle.createReadStream({ autoClose: false }), bytesMax));
    if (!streams) throw new TextFileError("it is a pipe or a device, and no file");
  } finally {
    await handle.close();
  }
  return decodeText(await readStream(file, bytesMax, writerMs));
}

/** To open a pipe waits for its writer; where none comes, it is opened for writing here, which ends the wait. */
async function readStream(file: string, bytesMax: number, writerMs: number): Promise<Buffer> {
  const stream = createReadStream(file);
  let isAlone = false;
  const timer = setTimeout(() => {
    isAlone = true;
    closeSync(openSync(file, constants.O_RDWR | constants.O_NONBLOCK));
  }, writerMs);
  stream.once("open", () => clearTimeout(timer));
  try {
    const bytes = await readBounded(stream, bytesMax);
    if (isAlone) throw new TextFileError(`it is a pipe that nobody writes to (waited ${writerMs / 1_000} s)`);
    return bytes;
  } finally {
    clearTimeout(timer);
  }
}

async function readBounded(stream: AsyncIterable<unknown>, bytesMax: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes > bytesMax) throw new TextFileError(`it has more than ${bytesMax} bytes`);
  }
  return Buffer.concat(parts);
}

/** Bytes as text, strictly. Throws `TextFileError` with the place of the first byte that is none. */
export function decodeText(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) throw new TextFileError("it is UTF-16: save it as UTF-8");
  const text = tryDecode(bytes);
  if (text === undefined) {
    const end = firstBadByte(bytes);
    const byte = `0x${bytes[end]?.toString(16).padStart(2, "0")}`;
    throw new TextFileError(`the byte ${byte} is no UTF-8: save the file as UTF-8`, placeAfter(bytes.subarray(0, end)));
  }
  const nul = text.indexOf("\0");
  if (nul >= 0) throw new TextFileError("a NUL character is no text", placeAfter(Buffer.from(text.slice(0, nul))));
  return text;
}

function tryDecode(bytes: Buffer, stream = false): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream });
  } catch {
    return undefined; // the decoder's only word for it
  }
}

/** A beginning that may go on well decodes; the first that cannot ends with the byte. */
function firstBadByte(bytes: Buffer): number {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (tryDecode(bytes.subarray(0, middle), true) === undefined) bad = middle;
    else good = middle;
  }
  // The last of them may only have begun a character.
  let end = good;
  while (end > 0 && tryDecode(bytes.subarray(0, end)) === undefined) end -= 1;
  return end;
}

function placeAfter(bytes: Buffer): { line: number; column: number } {
  const lines = bytes.toString("utf8").split("\n");
  return { line: lines.length, column: (lines.at(-1) ?? "").replace("\ufeff", "").length + 1 };
}

/** `file:line:column: why`, or `cannot read file: why` where no place is known; `why` says it for other errors. */
export function tellTextTrouble(file: string, error: unknown, why: (error: unknown) => string): string {
  if (error instanceof TextFileError && error.at !== undefined)
    return `${file}:${error.at.line}:${error.at.column}: ${error.message}`;
  return `cannot read ${file}: ${why(error)}`;
}
