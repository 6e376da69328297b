import { randomBytes } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { lstat, mkdir, open, rename, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import {
  ARTIFACT_ENTRIES_MAX,
  ARTIFACT_RATIO_FROM_BYTES,
  ARTIFACT_RATIO_MAX,
  ARTIFACT_UNPACKED_BYTES_MAX,
} from "../domain/limits.ts";
import { isSafeLink, safePath } from "./archive-path.ts";
import { messageOf } from "./message-of.ts";
import { ArchiveError, readTar, type TarEntry } from "./read-tar.ts";
import { removeWholeTree } from "./remove-tree.ts";
import { systemCode } from "./system-code.ts";

export interface UnpackLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Unpacked to packed, looked at from `ratioFromBytes` unpacked bytes on. */
  readonly ratioMax: number;
  readonly ratioFromBytes: number;
}

export const UNPACK_LIMITS: UnpackLimits = {
  entriesMax: ARTIFACT_ENTRIES_MAX,
  bytesMax: ARTIFACT_UNPACKED_BYTES_MAX,
  ratioMax: ARTIFACT_RATIO_MAX,
  ratioFromBytes: ARTIFACT_RATIO_FROM_BYTES,
};

interface Placed {
  readonly path: string;
  readonly type: TarEntry["type"];
}

/**
 * Unpacks a gzip tar into a folder, over what is there (SECURITY 31). All of it is first unpacked beside its place and
 * checked, and only then moved in: a bad archive changes nothing. Absolute paths, `..`, `.git`, links that lead out,
 * hard links, devices, doubled names, bombs, and writing through a symbolic link are refused; of the mode only
 * "executable" is kept. Throws ArchiveError.
 */
export async function unpackArchive(options: {
  readonly file: string;
  readonly into: string;
  readonly signal?: AbortSignal;
  readonly limits?: Partial<UnpackLimits>;
}): Promise<void> {
  const limits = { ...UNPACK_LIMITS, ...options.limits };
  await mkdir(options.into, { recursive: true });
  // In the target folder itself, so that moving is renaming.
  const beside = join(options.into, `.baton-unpack-${randomBytes(8).toString("hex")}`);
  await mkdir(beside, { mode: 0o700 });
  try {
    const placed = await extract(options.file, beside, limits, options.signal);
    await checkPlaces(options.into, placed);
    await moveIn(beside, options.into, placed);
  } finally {
    await removeWholeTree(beside);
  }
}

async function moveIn(from: string, into: string, placed: readonly Placed[]): Promise<void> {
  const folders = new Set<string>();
  for (const { path, type } of placed) {
    const to = join(into, path);
    const folder = type === "directory" ? to : dirname(to);
    if (!folders.has(folder)) await mkdir(folder, { recursive: true });
    folders.add(folder);
    if (type !== "directory") await rename(join(from, path), to);
  }
}

async function extract(file: string, into: string, limits: UnpackLimits, signal?: AbortSignal): Promise<Placed[]> {
  const { size: packedBytes } = await stat(file);
  const placed: Placed[] = [];
  const links: { path: string; target: string }[] = [];
  const folders = new Set<string>();
  let bytes = 0;
  const read = async (source: AsyncIterable<Buffer>) => {
    for await (const entry of readTar(source)) {
      signal?.throwIfAborted();
      const path = safePath(entry.path);
      if (path === undefined) throw new ArchiveError(`${JSON.stringify(entry.path)} is no path inside the archive`);
      bytes += entry.bytes;
      placed.push({ path, type: entry.type });
      checkLimits(placed.length, bytes, packedBytes, limits);
      if (entry.type === "file") await writeEntry(join(into, path), entry, folders);
      else if (entry.type === "directory") await makeFolder(join(into, path));
      else links.push({ path, target: entry.target });
    }
  };
  await unzip(file, read, signal);
  // Last, so that no entry of this archive can be written through one.
  for (const { path, target } of links) await placeLink(into, path, target);
  return placed;
}

/** Throws where the contents are more than an archive of that size may hold. */
export function checkLimits(entries: number, bytes: number, packedBytes: number, limits: UnpackLimits): void {
  if (entries > limits.entriesMax) throw new ArchiveError(`the archive has more than ${limits.entriesMax} entries`);
  if (bytes > limits.bytesMax) throw new ArchiveError(`the archive unpacks to more than ${limits.bytesMax} bytes`);
  if (bytes > limits.ratioFromBytes && bytes > packedBytes * limits.ratioMax)
    throw new ArchiveError(`the archive unpacks to more than ${limits.ratioMax} times its size`);
}

async function unzip(file: string, read: (source: AsyncIterable<Buffer>) => Promise<void>, signal?: AbortSignal) {
  try {
    await pipeline(createReadStream(file), createGunzip(), read, ...(signal === undefined ? [] : [{ signal }]));
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof ArchiveError) throw cause;
    throw new ArchiveError(`cannot unpack: ${messageOf(cause)}`, { cause });
  }
}

/** `folders`: those that exist already, so that a thousand files in one cost one question. */
async function writeEntry(path: string, entry: TarEntry, folders: Set<string>): Promise<void> {
  const folder = dirname(path);
  if (!folders.has(folder)) await makeFolder(folder);
  folders.add(folder);
  // "wx": a name that comes twice is refused.
  const file = await open(path, "wx", (entry.mode & 0o100) === 0 ? 0o644 : 0o755);
  try {
    for await (const chunk of entry.content) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
}

async function placeLink(into: string, path: string, target: string): Promise<void> {
  if (!isSafeLink(path, target)) throw new ArchiveError(`the link ${path} leads out, to ${JSON.stringify(target)}`);
  await makeFolder(dirname(join(into, path)));
  try {
    await symlink(target, join(into, path));
  } catch (cause) {
    throw new ArchiveError(`cannot place the link ${path}`, { cause });
  }
}

/** What stands in the target folder already must not lead the new files elsewhere, nor be a folder where a file comes. */
async function checkPlaces(into: string, placed: readonly Placed[]): Promise<void> {
  const folders = new Set<string>();
  for (const { path, type } of placed) {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth += 1) folders.add(parts.slice(0, depth).join("/"));
    if (type === "directory") folders.add(path);
    else if ((await statOf(join(into, path)))?.isDirectory())
      throw new ArchiveError(`${path} is a folder here and a file in the archive`);
  }
  for (const folder of folders) {
    const there = await statOf(join(into, folder));
    if (there !== undefined && !there.isDirectory())
      throw new ArchiveError(`${folder} is ${there.isSymbolicLink() ? "a symbolic link" : "no folder"} here`);
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    // ENOTDIR: a parent is a file; that parent's own check says so.
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
