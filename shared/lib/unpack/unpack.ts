import {
  closeSync,
  createReadStream,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  type Stats,
  statSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { createGunzip } from "node:zlib";
import { ArchiveError } from "../archive-error.ts";
import { checkLimits, type UnpackLimits } from "../archive-limits.ts";
import { isSafeLink, safePath } from "../archive-path.ts";
import { nameOf, onDisk, printName } from "../byte-path.ts";
import { messageOf } from "../message-of.ts";
import { makeTarReader, type TarContent, type TarEntry } from "../read-tar.ts";
import { systemCode } from "../system-code.ts";

/** Unpacking itself: blocking calls, in a thread of their own. */

export interface Unpacking {
  readonly file: string;
  readonly into: string;
  /** Inside `into`, so that moving is renaming; made here; whoever calls removes what is left of it. */
  readonly beside: string;
  readonly limits: UnpackLimits;
}

const READ_BYTES = 256 * 1_024;

/** What `unpackArchive` promises. Throws ArchiveError, and what the file system says. */
export async function unpack({ file, into, beside, limits }: Unpacking): Promise<void> {
  mkdirSync(beside, { mode: 0o700 });
  const extraction = makeExtraction(beside, statSync(file).size, limits);
  await unzip(file, extraction.write);
  extraction.end();
  for (const { from, to } of movesInto(beside, into)) renameSync(onDisk(from), onDisk(to));
}

async function unzip(file: string, write: (chunk: Buffer) => void): Promise<void> {
  const source = createReadStream(file, { highWaterMark: READ_BYTES });
  const unzipped = createGunzip({ chunkSize: READ_BYTES });
  source.on("error", (error) => unzipped.destroy(error));
  source.pipe(unzipped);
  try {
    for await (const chunk of unzipped as AsyncIterable<Buffer>) write(chunk);
  } catch (cause) {
    if (!isZlibError(cause)) throw cause;
    throw new ArchiveError(`cannot unpack: ${messageOf(cause)}`, { cause });
  } finally {
    source.destroy();
    unzipped.destroy();
  }
}

const isZlibError = (error: unknown): boolean => systemCode(error)?.startsWith("Z_") === true;

/** Writes the entries of one archive below a folder that nobody else knows, and judges each first. */
function makeExtraction(into: string, packedBytes: number, limits: UnpackLimits) {
  const links: { readonly path: string; readonly target: string }[] = [];
  const folders = new Set<string>();
  let entries = 0;
  let bytes = 0;

  const makeFolder = (path: string): void => {
    if (folders.has(path)) return;
    mkdirSync(onDisk(path), { recursive: true, mode: 0o755 });
    folders.add(path);
  };
  const visit = (entry: TarEntry): TarContent | undefined => {
    const path = safePath(entry.path);
    if (path === undefined) throw new ArchiveError(`${JSON.stringify(entry.path)} is no path inside the archive`);
    entries += 1;
    bytes += entry.bytes;
    checkLimits(entries, bytes, packedBytes, limits);
    const place = join(into, path);
    if (entry.type === "directory") makeFolder(place);
    else if (entry.type === "link") links.push({ path, target: entry.target });
    else {
      makeFolder(dirname(place));
      return openEntry(place, entry);
    }
    return undefined;
  };
  const reader = makeTarReader(visit);
  return {
    write: reader.write,
    end() {
      reader.end();
      // Last, so that no entry of this archive can be written through one.
      for (const { path, target } of links) {
        const shown = printName(path);
        if (!isSafeLink(path, target))
          throw new ArchiveError(`the link ${shown} leads out, to ${JSON.stringify(target)}`);
        makeFolder(dirname(join(into, path)));
        refuseTwice(shown, "place the link", () => symlinkSync(onDisk(target), onDisk(join(into, path))));
      }
    },
  };
}

/** "wx": a name that comes twice is refused. */
function openEntry(place: string, entry: TarEntry): TarContent {
  const mode = (entry.mode & 0o100) === 0 ? 0o644 : 0o755;
  const file = refuseTwice(printName(entry.path), "unpack", () => openSync(onDisk(place), "wx", mode));
  return {
    write(part) {
      for (let at = 0; at < part.length; ) at += writeSync(file, part, at);
    },
    end: () => closeSync(file),
  };
}

/** In a folder of our own, only the archive itself can have put something in its own way. */
function refuseTwice<T>(shown: string, what: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    const code = systemCode(cause);
    if (code !== "EEXIST" && code !== "EISDIR" && code !== "ENOTDIR") throw cause;
    throw new ArchiveError(`cannot ${what} ${shown}: the archive has something else of that name, too`, { cause });
  }
}

interface Move {
  readonly from: string;
  readonly to: string;
}

/**
 * How the new tree comes over what is there: a folder that is new moves whole. What stands there already must not lead
 * the new files elsewhere, nor be a folder where a file comes. All is looked at before anything is moved.
 */
function movesInto(from: string, into: string): Move[] {
  const moves: Move[] = [];
  const below = (folder: string): void => {
    for (const entry of readdirSync(onDisk(join(from, folder)), { withFileTypes: true, encoding: "buffer" })) {
      const path = join(folder, nameOf(entry.name));
      const there = statOf(join(into, path));
      if (there === undefined) moves.push({ from: join(from, path), to: join(into, path) });
      else if (entry.isDirectory()) {
        if (!there.isDirectory())
          throw new ArchiveError(
            `${printName(path)} is ${there.isSymbolicLink() ? "a symbolic link" : "no folder"} here`,
          );
        below(path);
      } else if (there.isDirectory())
        throw new ArchiveError(`${printName(path)} is a folder here and a file in the archive`);
      else moves.push({ from: join(from, path), to: join(into, path) });
    }
  };
  below("");
  return moves;
}

const statOf = (path: string): Stats | undefined => lstatSync(onDisk(path), { throwIfNoEntry: false });
