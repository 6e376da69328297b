import type { Stats } from "node:fs";
import { access, constants, lstat } from "node:fs/promises";
import { eachOf } from "../../shared/lib/each-of.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { type BytePath, bytesOf, toBytePath } from "./path-bytes.ts";

const STATS_AT_ONCE = 32;

/** What lies at a path of a tree. `gone`: nothing, or a folder, or something beyond a link. */
export type Found =
  | { readonly kind: "file"; readonly mode: "100644" | "100755"; readonly bytes: number }
  | { readonly kind: "link" | "gone" | "unreadable" | "other" };

/** Looks at each path below `root`; no link is followed. */
export async function inspectFiles(root: string, paths: readonly BytePath[]): Promise<Map<BytePath, Found>> {
  const base = toBytePath(root);
  const folders = new Map<BytePath, Promise<boolean>>();
  const found = await eachOf(paths, STATS_AT_ONCE, async (path) => [path, await inspect(base, path, folders)] as const);
  return new Map(found);
}

async function inspect(base: BytePath, path: BytePath, folders: Map<BytePath, Promise<boolean>>): Promise<Found> {
  if (!(await isBelowFolders(base, path, folders))) return { kind: "gone" };
  const file = bytesOf(`${base}/${path}`);
  const status = await statusOf(file);
  if (status === undefined || status.isDirectory()) return { kind: "gone" };
  if (status.isSymbolicLink()) return { kind: "link" };
  if (!status.isFile()) return { kind: "other" };
  if (!(await isReadable(file))) return { kind: "unreadable" };
  return { kind: "file", mode: (status.mode & 0o100) === 0 ? "100644" : "100755", bytes: status.size };
}

/** Whether all that is above the path is a real folder. Each is looked at once. */
function isBelowFolders(base: BytePath, path: BytePath, known: Map<BytePath, Promise<boolean>>): Promise<boolean> {
  const end = path.lastIndexOf("/");
  if (end < 0) return Promise.resolve(true);
  const folder = path.slice(0, end);
  const seen = known.get(folder);
  if (seen !== undefined) return seen;
  const answer = isBelowFolders(base, folder, known).then(
    async (above) => above && (await statusOf(bytesOf(`${base}/${folder}`)))?.isDirectory() === true,
  );
  known.set(folder, answer);
  return answer;
}

export async function statusOf(file: Buffer): Promise<Stats | undefined> {
  return lstat(file).catch((error: unknown) => {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  });
}

async function isReadable(file: Buffer): Promise<boolean> {
  return access(file, constants.R_OK).then(
    () => true,
    () => false,
  );
}
