import { execFile } from "node:child_process";
import { chmod, lstat, mkdir, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { removeFile } from "../shared/lib/remove-tree.ts";
import { systemCode } from "../shared/lib/system-code.ts";
import type { Folders } from "./executors/executor.ts";

/** What a step did to the folders of its attempt cannot be undone: the job's own failure, never the host's. */
export class DamagedFolders extends Error {
  override readonly name = "DamagedFolders";
}

const OWN_RIGHTS = 0o700;
/** To go through it, and to make and remove what is in it. */
const RIGHTS_ABOVE = 0o300;
const DU_MS = 10_000;

/**
 * Gives the runner its rights to an attempt's folders back, and makes anew what is its own there: without a sandbox a step may do
 * to them what its user may. Throws DamagedFolders where the job's own folder is gone.
 */
export async function mendFolders(folders: Folders): Promise<void> {
  await mendAbove(folders.root);
  const { root, workspace, ...others } = folders;
  for (const [what, path] of [
    ["folder of the attempt", root],
    ["workspace", workspace],
  ] as const) {
    const found = await statOf(path);
    if (found === undefined) throw new DamagedFolders(`the ${what} is gone: a step removed it`);
    if (!found.isDirectory()) throw new DamagedFolders(`the ${what} is no folder any more: a step replaced it`);
    await giveRights(path, found);
  }
  for (const path of Object.values(others)) {
    const found = await statOf(path);
    if (found?.isDirectory()) await giveRights(path, found);
    else {
      if (found !== undefined) await removeFile(path);
      await mkdir(path, { mode: OWN_RIGHTS });
    }
  }
}

/** The same for the folders above one, as far as they are this user's. */
export async function mendAbove(path: string): Promise<void> {
  const above: string[] = [];
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) above.unshift(folder);
  for (const folder of above) {
    const found = await statOf(folder);
    if (found?.isDirectory()) await giveRights(folder, found, RIGHTS_ABOVE);
  }
}

type Found = Awaited<ReturnType<typeof lstat>>;

async function giveRights(path: string, { uid, mode }: Found, needed = OWN_RIGHTS): Promise<void> {
  if (uid !== process.geteuid?.() || (Number(mode) & needed) === needed) return;
  await chmod(path, (Number(mode) & 0o7777) | OWN_RIGHTS);
}

/** Undefined where there is nothing, or something else than a folder in between. */
async function statOf(path: string): Promise<Found | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** What a disk has left: it is full as well where no file more can be made. */
export interface Room {
  readonly bytes: number;
  /** 0 where the file system does not count them. */
  readonly files: number;
}

/** The room where an attempt's folders lie. */
export async function freeRoom(folder: string): Promise<Room> {
  const { bavail, bsize, ffree } = await statfs(folder);
  return { bytes: bavail * bsize, files: ffree };
}

/** Whether what an attempt's folders hold is most of what was free when it began: then it filled the disk itself. */
export async function hasFilledDisk({ root }: Folders, before: Room): Promise<boolean> {
  const kibibytes = await measured("-skx", root);
  if (kibibytes * 1_024 > before.bytes / 2) return true;
  return before.files > 0 && (await measured("-sx", "--inodes", root)) > before.files / 2;
}

/** 0 where it cannot be measured: then nobody is blamed, and another host tries. */
async function measured(...args: readonly string[]): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)("du", args, { timeout: DU_MS });
    return Number.parseInt(stdout, 10) || 0;
  } catch {
    return 0;
  }
}
