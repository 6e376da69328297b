import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { DomainError } from "../domain/errors.ts";
import { flattenAlternates } from "./alternates.ts";

/** Where a repository keeps what a checkout borrows. */
export interface Repository {
  readonly objects: string;
  /** Names the commits whose parents are missing; the file need not exist. */
  readonly shallow: string;
  /** The snapshot of a working tree: nothing is converted. */
  readonly raw?: boolean;
}

/** A repository on this host, with all folders that its objects lie in. */
export interface LocalRepository extends Repository {
  readonly alternates: readonly string[];
}

/** A file of this name makes a bare repository the snapshot of a working tree: its files are checked out as they are. */
export const SNAPSHOT_MARK = "baton-snapshot";

/** The folder that a source names, or undefined where it is reached over a network. Throws DomainError for a bad file URL. */
export function localPathOf(url: string): string | undefined {
  if (url.startsWith("/")) return url;
  if (!url.startsWith("file:")) return undefined;
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new DomainError("bad_request", `${JSON.stringify(url)} names no local folder`, undefined, { cause });
  }
}

/**
 * Finds a local repository: bare, plain, or a linked worktree; none of its configuration is read. Its real path must lie in
 * one of the real roots, so that who names a source cannot read the machine's other folders; so must its objects, and all
 * that they are borrowed from. `who` may read, and `how` that is said, are for the message. Throws DomainError `forbidden`.
 */
export async function findLocalRepository(
  path: string,
  allowedRoots: readonly string[],
  { who, how }: { readonly who: string; readonly how: string },
): Promise<LocalRepository> {
  const real = await realpath(path).catch(() => undefined);
  const found = await Promise.all(allowedRoots.map((root) => realpath(root).catch(() => undefined)));
  const roots = found.filter((root) => root !== undefined);
  const isAllowed = (place: string) => roots.some((root) => isInside(place, root));
  // One answer for "not there" and "not allowed": it tells nothing about other folders.
  if (real === undefined || !isAllowed(real))
    throw new DomainError("forbidden", `source ${path} is not in a folder that ${who} may read (${how})`);
  const repository = await openRepository(real);
  if (repository === undefined) throw new DomainError("bad_request", `source ${path} is no git repository`);
  const alternates = await flattenAlternates([repository.objects]);
  if (!alternates.every(isAllowed))
    throw new DomainError(
      "forbidden",
      `source ${path} keeps or borrows objects outside of the folders that ${who} may read (${how})`,
    );
  return { ...repository, alternates };
}

/** As gitrepository-layout(5) says: the folder itself, its `.git`, or what a worktree's `.git` file names. */
async function openRepository(real: string): Promise<Repository | undefined> {
  const pointed = await pointedFrom(join(real, ".git"));
  for (const folder of [real, join(real, ".git"), ...(pointed === undefined ? [] : [pointed])]) {
    if (!(await isFolder(join(folder, "objects"))) || !(await isFolder(join(folder, "refs")))) continue;
    const raw = (await stat(join(folder, SNAPSHOT_MARK)).catch(() => undefined))?.isFile() === true;
    return { objects: join(folder, "objects"), shallow: join(folder, "shallow"), raw };
  }
  return undefined;
}

async function pointedFrom(file: string): Promise<string | undefined> {
  const folder = /^gitdir: (.*?)\n?$/s.exec(await textOf(file))?.[1];
  if (folder === undefined) return undefined;
  const at = resolve(dirname(file), folder);
  const common = (await textOf(join(at, "commondir"))).replace(/\n$/, "");
  return common === "" ? at : resolve(at, common);
}

/** Empty where there is no such file. */
const textOf = (file: string): Promise<string> => readFile(file, "utf8").catch(() => "");

function isInside(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
