import { realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { DomainError } from "../../shared/domain/errors.ts";
import { type GitContext, run } from "./git.ts";

/** Where a repository keeps what a checkout borrows. */
export interface Repository {
  readonly objects: string;
  /** Names the commits whose parents are missing; the file need not exist. */
  readonly shallow: string;
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
 * runner's operator allows, so that a pipeline cannot read the machine's other folders. Throws DomainError `forbidden`.
 */
export async function findLocalRepository(
  context: GitContext,
  path: string,
  allowedRoots: readonly string[],
): Promise<Repository> {
  const real = await realpath(path).catch(() => undefined);
  const roots = await Promise.all(allowedRoots.map((root) => realpath(root).catch(() => undefined)));
  const allowed = real !== undefined && roots.some((root) => root !== undefined && isInside(real, root));
  // One answer for "not there" and "not allowed": it tells nothing about other folders.
  if (!allowed)
    throw new DomainError("forbidden", `source ${path} is not in a folder that this runner may read (--allow-source)`);
  for (const folder of [real, join(real, ".git")])
    if ((await isFolder(join(folder, "objects"))) && (await isFolder(join(folder, "refs"))))
      return { objects: join(folder, "objects"), shallow: join(folder, "shallow") };
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
