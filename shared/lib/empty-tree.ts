import { lstatSync, rmdirSync, unlinkSync } from "node:fs";
import { NAME_BYTES, type PinnedFolder, pinFolder } from "./pinned-folder.ts";
import { systemCode } from "./system-code.ts";

/** What could not be removed, and why, in words. */
export interface Left {
  readonly path: string;
  readonly why: string;
}

/** What one pass over a tree met. */
export interface Pass {
  readonly left: Left[];
  leftCount: number;
  /** Something was written meanwhile: another pass may do better. */
  again: boolean;
}

/** Where a tree is: the folder above it, and its name there. */
export interface TreeRoot {
  readonly above: PinnedFolder;
  readonly name: string;
  /** For messages. */
  readonly path: string;
}

/** Told of one tree by path; the others are counted. */
const LEFT_TOLD_MAX = 5;
/** Held open at a time: on the way back, most folders are. */
const OPEN_LEVELS_MAX = 8;
/** Of one folder, as many are remembered: bounds memory, whatever is in it. */
const FOLDERS_AT_ONCE = 1_000;
const SKIPPED_MAX = 10_000;
/** System calls between two yields: a millisecond or two. */
const CALLS_PER_TURN = 64;

/** A folder on the way from the root to where the walk is. */
interface Level {
  readonly name: string;
  readonly inode: bigint;
  /** Open where it is near; deeper in the tree it is found again by `..`. */
  folder?: PinnedFolder | undefined;
  /** What stays in it. */
  readonly skipped: Set<string>;
  /** Folders in it that are next. */
  readonly folders: string[];
  /** There may be entries that were not read yet. */
  unread: boolean;
  /** Why it could not be read. */
  closed?: Error;
  unlocked: boolean;
}

interface Walk {
  readonly root: TreeRoot;
  readonly pass: Pass;
  readonly levels: Level[];
  calls: number;
}

/**
 * Removes a tree in one pass, and yields so often that the caller may give others a turn, or stop. It holds the nearest
 * folders alone and finds those above again by `..`, so depth costs neither descriptors nor stack; it enters no other
 * mount and no link. `spared`: entries of the root that stay, and the root with them.
 */
export function* emptyTree(root: TreeRoot, pass: Pass, spared: readonly string[]): Generator<void> {
  const walk: Walk = { root, pass, levels: [], calls: 0 };
  const first = enter(walk, undefined, root.above, root.name);
  if (first === undefined) return;
  push(walk, root.name, first, spared);
  try {
    for (let level = walk.levels.at(-1); level?.folder !== undefined; level = walk.levels.at(-1)) {
      if (level.folders.length === 0 && level.unread) yield* readLevel(walk, level, level.folder);
      const next = level.folders.pop();
      if (next === undefined) leave(walk, level, level.folder);
      else {
        const below = enter(walk, level, level.folder, next);
        if (below !== undefined) push(walk, next, below);
      }
      if (isTurn(walk)) yield;
    }
  } finally {
    for (const { folder } of walk.levels) folder?.close();
  }
}

function push({ levels }: Walk, name: string, folder: PinnedFolder, spared: readonly string[] = []): void {
  const { inode } = folder;
  levels.push({ name, inode, folder, skipped: new Set(spared), folders: [], unread: true, unlocked: false });
  const far = levels[levels.length - 1 - OPEN_LEVELS_MAX];
  far?.folder?.close();
  if (far !== undefined) far.folder = undefined;
}

function isTurn(walk: Walk): boolean {
  walk.calls += 1;
  return walk.calls % CALLS_PER_TURN === 0;
}

/** Removes the files of a folder, and notes its folders, as many as may be remembered. */
function* readLevel(walk: Walk, level: Level, here: PinnedFolder): Generator<void> {
  level.unread = false;
  const listing = attempt(level, here, () => here.entries());
  if (listing instanceof Error) level.closed = listing;
  if (listing === undefined || listing instanceof Error) return;
  for (const { name, isFolder } of listing) {
    if (level.skipped.has(name)) continue;
    if (isFolder) level.folders.push(name);
    else removeFile(walk, level, here, name);
    if (level.skipped.size >= SKIPPED_MAX) return;
    level.unread = level.folders.length >= FOLDERS_AT_ONCE;
    if (level.unread) return;
    if (isTurn(walk)) yield;
  }
}

function removeFile(walk: Walk, level: Level | undefined, here: PinnedFolder, name: string): void {
  const failed = attempt(level, here, () => unlinkSync(here.at(name)));
  if (failed === undefined) return;
  // A file system that does not tell the types of its entries.
  if (level !== undefined && systemCode(failed) === "EISDIR") level.folders.push(name);
  else skip(walk, level, here, name, failed);
}

/** Holds a folder of the same mount; undefined where there is none, or nothing more to do about it. */
function enter(walk: Walk, level: Level | undefined, here: PinnedFolder, name: string): PinnedFolder | undefined {
  const below = attempt(level, here, () => pinFolder(here.at(name)));
  if (below === undefined) return undefined;
  if (below instanceof Error) {
    if (NO_FOLDER.has(systemCode(below) ?? "")) removeFile(walk, level, here, name);
    else skip(walk, level, here, name, below);
    return undefined;
  }
  if (below.mount === here.mount) return below;
  below.close();
  skip(walk, level, here, name, "something is mounted there");
  return undefined;
}

const NO_FOLDER = new Set(["ENOTDIR", "ELOOP"]);

/** Removes the folder that has been emptied, and goes back to the one above. */
function leave(walk: Walk, level: Level, here: PinnedFolder): void {
  const { levels, root, pass } = walk;
  levels.pop();
  const parent = levels.at(-1);
  try {
    if (parent !== undefined) parent.folder ??= here.above();
  } finally {
    here.close();
  }
  if (parent?.folder !== undefined && parent.folder.inode !== parent.inode) {
    pass.again = true;
    tell(walk, [], MOVED);
    // Nothing more is known of where this is: the next pass begins at the root.
    for (const { folder } of levels.splice(0)) folder?.close();
    return;
  }
  if (level.skipped.size > 0) parent?.skipped.add(level.name);
  else removeFolder(walk, parent, parent?.folder ?? root.above, level);
}

function removeFolder(walk: Walk, parent: Level | undefined, above: PinnedFolder, level: Level): void {
  // The root may have been moved, and an empty folder of somebody else's be in its place.
  const moved = parent === undefined && !isStill(above, level);
  const failed = moved ? MOVED : attempt(parent, above, () => rmdirSync(above.at(level.name)));
  if (failed === undefined) return;
  const notEmpty = systemCode(failed) === "ENOTEMPTY";
  if (notEmpty && level.closed === undefined) walk.pass.again = true;
  skip(walk, parent, above, level.name, (notEmpty ? level.closed : undefined) ?? failed);
}

const MOVED = "it was moved while it was removed";

function isStill(above: PinnedFolder, { name, inode }: Level): boolean {
  const found = attempt(undefined, above, () => lstatSync(above.at(name), { bigint: true }));
  return found === undefined || found instanceof Error || found.ino === inode;
}

/** The error of a system call; undefined where there is nothing left to do. A folder that is ours is opened to us once. */
function attempt<T>(level: Level | undefined, here: PinnedFolder, call: () => T): T | Error | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Error) || systemCode(error) === undefined) throw error;
    if (systemCode(error) === "ENOENT") return undefined;
    if (systemCode(error) !== "EACCES" || level === undefined || level.unlocked) return error;
    level.unlocked = true;
    return unlock(here) ?? attempt(level, here, call);
  }
}

function unlock(here: PinnedFolder): Error | undefined {
  try {
    here.unlock();
    return undefined;
  } catch (error) {
    if (error instanceof Error && systemCode(error) !== undefined) return error;
    throw error;
  }
}

function skip(walk: Walk, level: Level | undefined, here: PinnedFolder, name: string, why: Error | string): void {
  level?.skipped.add(name);
  const words = typeof why === "string" ? why : inWords(systemCode(why) ?? why.message, here, name);
  tell(walk, level === undefined ? [] : [name], words);
}

function tell({ root, pass, levels }: Walk, names: readonly string[], why: string): void {
  pass.leftCount += 1;
  if (pass.left.length >= LEFT_TOLD_MAX) return;
  const below = Buffer.from([...levels.slice(1).map(({ name }) => name), ...names].join("/"), NAME_BYTES);
  pass.left.push({ path: below.length === 0 ? root.path : `${root.path}/${below.toString("utf8")}`, why });
}

const REASONS: Readonly<Record<string, string>> = {
  EBUSY: "something is mounted there, or uses it",
  ENOTEMPTY: "something still writes there",
  EROFS: "the file system is read-only",
};

function inWords(code: string, here: PinnedFolder, name: string): string {
  if (code !== "EACCES" && code !== "EPERM") return REASONS[code] ?? code;
  const us = process.geteuid?.();
  const strange = [name, "."].map((entry) => ownerOf(here, entry)).find((uid) => uid !== undefined && uid !== us);
  if (strange !== undefined && us !== 0) return `it belongs to user ${strange}`;
  return `the system refuses it (${code}), as it does for what is immutable`;
}

function ownerOf(here: PinnedFolder, name: string): number | undefined {
  const found = attempt(undefined, here, () => lstatSync(here.at(name)));
  return found instanceof Error ? undefined : found?.uid;
}
