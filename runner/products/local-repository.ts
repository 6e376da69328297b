import { realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { DomainError } from "../../shared/domain/errors.ts";
import { flattenAlternates } from "./alternates.ts";
import { type GitContext, run } from "./git.ts";
import { SNAPSHOT_MARK } from "./raw-checkout.ts";

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
 * Finds a local repository: bare, plain, or a linked worktree. Its real path must lie in one of the real roots that the
 * runner's operator allows, so that a pipeline cannot read the machine's other folders; so must its objects, and all that
 * they are borrowed from. Throws DomainError `forbidden`.
 */
export async function findLocalRepository(
  context: GitContext,
  path: string,
  allowedRoots: readonly string[],
): Promise<LocalRepository> {
  const real = await realpath(path).catch(() => undefined);
  const found = await Promise.all(allowedRoots.map((root) => realpath(root).catch(() => undefined)));
  const roots = found.filter((root) => root !== undefined);
  const isAllowed = (place: string) => roots.some((root) => isInside(place, root));
  // One answer for "not there" and "not allowed": it tells nothing about other folders.
  if (real === undefined || !isAllowed(real))
    throw new DomainError("forbidden", `source ${path} is not in a folder that this runner may read (--allow-source)`);
  const repository = await openRepository(context, real);
  const alternates = await flattenAlternates([repository.objects]);
  if (!alternates.every(isAllowed))
    throw new DomainError(
      "forbidden",
      `source ${path} keeps or borrows objects outside of the folders that this runner may read (--allow-source)`,
    );
  return { ...repository, alternates };
}

async function openRepository(context: GitContext, real: string): Promise<Repository> {
  for (const folder of [real, join(real, ".git")]) {
    if (!(await isFolder(join(folder, "objects"))) || !(await isFolder(join(folder, "refs")))) continue;
    const raw = (await stat(join(folder, SNAPSHOT_MARK)).catch(() => undefined))?.isFile() === true;
    return { objects: join(folder, "objects"), shallow: join(folder, "shallow"), raw };
  }
  const names = ["objects", "shallow"].flatMap((name) => ["--git-path", name]);
  const output = await run(context, "git", ["rev-parse", "--path-format=absolute", ...names], { cwd: real });
  const [objects = "", shallow = ""] = output.split("\n");
  return { objects, shallow };
}

function isInside(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
