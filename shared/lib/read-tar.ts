import { Header, Pax } from "tar";

/** A tar stream read entry by entry, strictly: what Baton never writes is refused and not interpreted. */

const BLOCK_BYTES = 512;
const PAX_BYTES_MAX = 64 * 1_024;

export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
}

export interface TarEntry {
  readonly type: "file" | "directory" | "link";
  /** As written; nobody has judged it yet. */
  readonly path: string;
  readonly target: string;
  readonly mode: number;
  readonly bytes: number;
  /** Must be read to its end before the next entry. */
  readonly content: AsyncIterable<Buffer>;
}

/** Throws ArchiveError where the stream is no such archive or ends early. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const reader = makeReader(source);
  let pax: Pax | undefined;
  for (;;) {
    const block = await reader.exactly(BLOCK_BYTES);
    if (block.every((byte) => byte === 0)) return;
    const header = new Header(block, 0, pax);
    const { size = 0 } = header;
    // The pax header's path is whole; node-tar would put the old header's prefix before it once more.
    const path = pax?.path ?? header.path;
    if (!header.cksumValid || path === undefined)
      throw new ArchiveError("the archive is damaged: a header does not add up");
    if (!Number.isSafeInteger(size) || size < 0) throw new ArchiveError(`${path} has an impossible size`);
    if (header.type === "ExtendedHeader") {
      if (pax !== undefined || size > PAX_BYTES_MAX)
        throw new ArchiveError("an extended header is too large or doubled");
      pax = Pax.parse((await reader.exactly(padded(size))).subarray(0, size).toString("utf8"));
      continue;
    }
    pax = undefined;
    const type = typeOf(header);
    if (type !== "file" && size > 0) throw new ArchiveError(`${path} is no file and has a size`);
    let read = false;
    const content = async function* () {
      yield* reader.upTo(size);
      await reader.exactly(padded(size) - size);
      read = true;
    };
    yield { type, path, target: header.linkpath ?? "", mode: header.mode ?? 0, bytes: size, content: content() };
    if (!read && size > 0) throw new Error(`the content of ${path} was not read`);
  }
}

function typeOf(header: Header): TarEntry["type"] {
  switch (header.type) {
    case "File":
    case "OldFile":
      return "file";
    case "Directory":
      return "directory";
    case "SymbolicLink":
      return "link";
    default:
      throw new ArchiveError(`${header.path} is a ${header.type}: only files, folders and symbolic links are unpacked`);
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

function makeReader(source: AsyncIterable<Buffer>) {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<Buffer> => {
    const next = await chunks.next();
    if (next.done === true) throw new ArchiveError("the archive ends early");
    return next.value;
  };
  /** At least one byte, at most `bytes`. */
  const some = async (bytes: number): Promise<Buffer> => {
    while (rest.length === 0) rest = await more();
    const part = rest.subarray(0, bytes);
    rest = rest.subarray(part.length);
    return part;
  };
  return {
    async exactly(bytes: number): Promise<Buffer> {
      const parts: Buffer[] = [];
      for (let left = bytes; left > 0; ) {
        const part = await some(left);
        parts.push(part);
        left -= part.length;
      }
      return Buffer.concat(parts);
    },
    async *upTo(bytes: number): AsyncGenerator<Buffer> {
      for (let left = bytes; left > 0; ) {
        const part = await some(left);
        left -= part.length;
        yield part;
      }
    },
  };
}
