import { unlinkSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { setImmediate as giveTurn, setTimeout as wait } from "node:timers/promises";
import { systemClock } from "./clock.ts";
import { emptyTree, type Left, type Pass, type TreeRoot } from "./empty-tree.ts";
import { NAME_BYTES, type PinnedFolder, pinFolder } from "./pinned-folder.ts";
import { systemCode } from "./system-code.ts";

/** What is still there of a tree that was to be removed. */
export interface Removal {
  /** The first few, by path. */
  readonly left: readonly Left[];
  readonly leftCount: number;
}

export interface RemoveOptions {
  /** Ends the removal where it stands. */
  readonly signal?: AbortSignal;
  /** Of all of it, however large the tree is. */
  readonly withinMs?: number;
  /** The folder that the tree lies in, held since before it was made: whatever is mounted there since is not seen. */
  readonly above?: PinnedFolder | undefined;
  /** Entries of the tree's own folder that stay until all else is gone. */
  readonly last?: readonly string[];
}

const WITHIN_MS = 60_000;
/** Other work of this process gets its turn after so long. */
const TURN_MS = 8;
/** Processes that are just being killed may still write: the whole tree is tried again, whatever its depth. */
const PASSES_MAX = 5;
const PASS_PAUSE_MS = 100;

/**
 * Removes a tree: the one way to do so in all of Baton. It crosses no mount, follows no link, opens folders that are
 * locked to their owner, and takes any name and any depth. What it could not remove it returns, and never throws for.
 */
export async function removeTree(path: string, options: RemoveOptions = {}): Promise<Removal> {
  const removing = removal(path, options);
  for (;;) {
    const { done, value } = removing.next();
    if (done === true) return value;
    await (value === "pause" ? wait(PASS_PAUSE_MS) : giveTurn());
  }
}

/** The same for a process that ends: at once, without giving anything else a turn. */
export function removeTreeNow(path: string, options: RemoveOptions = {}): Removal {
  const removing = removal(path, options);
  for (;;) {
    const { done, value } = removing.next();
    if (done === true) return value;
    if (value === "pause") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PASS_PAUSE_MS);
  }
}

/** Removes a tree of which nothing may stay. Throws with what is left. */
export async function removeWholeTree(path: string, options?: RemoveOptions): Promise<void> {
  const left = describeLeft(await removeTree(path, options));
  if (left !== undefined) throw new Error(left);
}

/** Removes one file, if it is there. */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch(ignoreMissing);
}

/** The same, at once. */
export function removeFileNow(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    ignoreMissing(error);
  }
}

function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== "ENOENT") throw error;
}

/** One line for a person; undefined where nothing is left. */
export function describeLeft({ left, leftCount }: Removal): string | undefined {
  if (leftCount === 0) return undefined;
  const named = left.map(({ path, why }) => `${path} (${why})`).join(", ");
  return `left behind: ${named}${leftCount > left.length ? `, and ${leftCount - left.length} more` : ""}`;
}

function* removal(given: string, options: RemoveOptions): Generator<"turn" | "pause", Removal> {
  if (["", ".", ".."].includes(basename(given))) throw new Error(`not the path of a tree to remove: ${given}`);
  const path = resolve(given);
  const { signal, withinMs = WITHIN_MS, above } = options;
  const untilMs = systemClock.monotonicMs() + withinMs;
  let turnMs = systemClock.monotonicMs();
  let last = options.last ?? [];
  for (let passes = 1; ; passes += 1) {
    const pass: Pass = { left: [], leftCount: 0, again: false };
    const root = rootOf(path, above);
    if (root === "gone") return pass;
    if (root instanceof Error) return cutShort(pass, path, systemCode(root) ?? root.message);
    try {
      for (const _ of emptyTree(root, pass, last)) {
        const nowMs = systemClock.monotonicMs();
        if (signal?.aborted === true) return cutShort(pass, path, "it was interrupted");
        if (nowMs > untilMs) return cutShort(pass, path, `it takes longer than ${withinMs / 1_000} s`);
        if (nowMs - turnMs < TURN_MS) continue;
        yield "turn";
        turnMs = systemClock.monotonicMs();
      }
    } finally {
      root.above.close();
    }
    if (pass.leftCount === 0 && last.length > 0) {
      last = [];
      continue;
    }
    if (!pass.again || passes >= PASSES_MAX) return pass;
    yield "pause";
  }
}

function rootOf(path: string, above: PinnedFolder | undefined): TreeRoot | "gone" | Error {
  const name = Buffer.from(basename(path)).toString(NAME_BYTES);
  try {
    return { path, name, above: above === undefined ? pinFolder(dirname(path), true) : pinFolder(above.at(".")) };
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return "gone";
    if (error instanceof Error && systemCode(error) !== undefined) return error;
    throw error;
  }
}

function cutShort({ left, leftCount }: Pass, path: string, why: string): Removal {
  return { left: [...left, { path, why }], leftCount: leftCount + 1 };
}
