import { Header } from "tar";
import { ArchiveError } from "./archive-error.ts";
import { type PaxRecords, parsePax } from "./pax-records.ts";

/**
 * A tar that is read as it comes, strictly: what Baton never writes is refused and not interpreted. It is pushed and not
 * pulled: an archive of 50,000 files would otherwise be a million awaits.
 */

export const BLOCK_BYTES = 512;
const PAX_BYTES_MAX = 64 * 1_024;
const NOTHING = Buffer.alloc(0);

export interface TarEntry {
  readonly type: "file" | "directory" | "link";
  /** As written, in the form of `byte-path.ts`; nobody has judged it yet. */
  readonly path: string;
  readonly target: string;
  readonly mode: number;
  readonly bytes: number;
}

/** Takes an entry's content. */
export interface TarContent {
  write(part: Buffer): void;
  end(): void;
}

export interface TarReader {
  /** Throws ArchiveError where this is no such archive, and what `visit` throws. */
  write(chunk: Buffer): void;
  /** Throws ArchiveError where the archive ends early. */
  end(): void;
}

/** `visit` is called for each entry in turn; what it returns gets the entry's content, which only a file has. */
export function makeTarReader(visit: (entry: TarEntry) => TarContent | undefined): TarReader {
  let rest = NOTHING;
  let content: TarContent | undefined;
  let contentLeft = 0;
  let paddingLeft = 0;
  let paxBytes: number | undefined;
  let pax: PaxRecords | undefined;
  let done = false;

  /** Takes what it can of `data` from `at` on, and returns how far it came. */
  const step = (data: Buffer, at: number): number => {
    const there = data.length - at;
    if (contentLeft > 0) {
      const part = data.subarray(at, at + contentLeft);
      content?.write(part);
      contentLeft -= part.length;
      if (contentLeft === 0) content?.end();
      return at + part.length;
    }
    if (paddingLeft > 0) {
      const skipped = Math.min(there, paddingLeft);
      paddingLeft -= skipped;
      return at + skipped;
    }
    const wanted = paxBytes === undefined ? BLOCK_BYTES : padded(paxBytes);
    if (there < wanted) return at;
    const block = data.subarray(at, at + wanted);
    if (paxBytes === undefined) header(block);
    else {
      pax = parsePax(block.subarray(0, paxBytes));
      paxBytes = undefined;
    }
    return at + wanted;
  };

  const header = (block: Buffer): void => {
    if (isZero(block)) {
      done = true;
      return;
    }
    const read = new Header(block, 0);
    const path = pax?.path ?? read.path;
    const size = pax?.size ?? read.size ?? 0;
    if (!read.cksumValid || path === undefined)
      throw new ArchiveError("the archive is damaged: a header does not add up");
    if (!Number.isSafeInteger(size) || size < 0) throw new ArchiveError(`${path} has an impossible size`);
    if (read.type === "ExtendedHeader") {
      if (pax !== undefined || size === 0 || size > PAX_BYTES_MAX)
        throw new ArchiveError("an extended header is empty, too large or doubled");
      paxBytes = size;
      return;
    }
    const type = typeOf(read);
    if (type !== "file" && size > 0) throw new ArchiveError(`${path} is no file and has a size`);
    const target = pax?.linkpath ?? read.linkpath ?? "";
    pax = undefined;
    contentLeft = size;
    paddingLeft = padded(size) - size;
    content = visit({ type, path, target, mode: read.mode ?? 0, bytes: size });
    if (size === 0) content?.end();
  };

  return {
    write(chunk) {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      for (let before = -1; !done && before !== at && at < data.length; ) {
        before = at;
        at = step(data, at);
      }
      // A copy: the chunk's own memory may be used again.
      rest = done || at === data.length ? NOTHING : Buffer.from(data.subarray(at));
    },
    end() {
      if (!done) throw new ArchiveError("the archive ends early");
    },
  };
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

const ZERO = Buffer.alloc(BLOCK_BYTES);
const isZero = (block: Buffer): boolean => block.equals(ZERO);

/** In whole blocks. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
