import { createHash } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Repository } from "../../shared/lib/local-repository.ts";
import { removeTree } from "../../shared/lib/remove-tree.ts";
import { type GitContext, GitError, run } from "./git.ts";

/**
 * A bare repository per URL, kept as a cache. Every fetched commit has a ref of its own, so that maintenance never
 * deletes what a workspace borrows.
 */
export interface Mirror extends Repository {
  readonly folder: string;
  readonly lock: string;
}

/**
 * The URL with its credentials is the key: who cannot name them does not read what others fetched with them. Nor does a
 * run that was given no credential read what was fetched with one, which is another with each run.
 */
export function mirrorOf(cacheDir: string, url: string, access: "open" | "credential" = "open"): Mirror {
  const key = access === "open" ? url : `${access} ${url}`;
  const folder = join(cacheDir, `${createHash("sha256").update(key).digest("hex")}.git`);
  return { folder, lock: `${folder}.lock`, objects: join(folder, "objects"), shallow: join(folder, "shallow") };
}

/**
 * The kernel's lock, held by git itself through the inherited descriptor: it goes with the last process that works on
 * the mirror, also when the runner is killed and git lives on for a moment. A `shallow.lock` found under it is stale.
 */
const UNDER_LOCK = `
set -e
mirror=$1 sha=$2 mode=$3; shift 3
work=$mirror
gone() { [ ! -e "$1" ] || mv "$1" "$1.gone-$$"; }
if [ "$mode" = rebuild ]; then work=$mirror.new; gone "$work"; fi
rm -f "$work/shallow.lock"
[ -f "$work/config" ] || git init -q --bare "$work"
if git -C "$work" rev-parse -q --verify "refs/baton/$sha^{commit}" >/dev/null 2>&1; then exit 0; fi
git -C "$work" fetch -q --no-tags --no-write-fetch-head --no-recurse-submodules "$@"
git -C "$work" update-ref "refs/baton/$sha" "$sha"
if [ "$mode" = rebuild ]; then gone "$mirror"; mv "$work" "$mirror"; fi
`;

/** What servers say that hand out only the tips of branches. */
const REFUSES_SHA = /not our ref|unadvertised object|couldn't find remote ref/;

/**
 * Brings one commit into the mirror: alone where the server allows it, else with its whole branch (or, without a branch,
 * all of them). A rebuild replaces the mirror, and only when its own fetch has succeeded. Throws GitError.
 */
export async function fetchCommit(
  context: GitContext,
  mirror: Mirror,
  source: { readonly url: string; readonly sha: string; readonly branch?: string | undefined },
  mode: "fetch" | "rebuild",
): Promise<"commit" | "branch"> {
  const { url, sha, branch } = source;
  await mkdir(dirname(mirror.folder), { recursive: true, mode: 0o700 });
  const locked = async (how: string, ...args: string[]) => {
    await run(context, "flock", ["-x", mirror.lock, "sh", "-c", UNDER_LOCK, "sh", mirror.folder, sha, how, ...args]);
    if (mode === "rebuild") await removeGone(mirror);
  };
  try {
    await locked(mode, "--depth=1", "--", url, `+${sha}:refs/baton/${sha}`);
    return "commit";
  } catch (error) {
    if (!(error instanceof GitError) || !REFUSES_SHA.test(error.message)) throw error;
  }
  const heads = `refs/heads/${branch ?? "*"}`;
  await locked(mode, "--", url, `+${heads}:${heads.replace("refs/", "refs/baton/")}`);
  return "branch";
}

/** What a rebuild has put aside. Where it cannot be removed, the next rebuild tries again. */
async function removeGone({ folder }: Mirror): Promise<void> {
  const parent = dirname(folder);
  const gone = (await readdir(parent)).filter((name) => name.startsWith(basename(folder)) && name.includes(".gone-"));
  for (const name of gone) await removeTree(join(parent, name));
}

/** Whether the mirror is broken, and not just unable to fetch. */
export async function isDamaged(context: GitContext, mirror: Mirror): Promise<boolean> {
  try {
    await run(context, "git", ["fsck", "--connectivity-only", "--no-dangling", "--no-progress"], {
      cwd: mirror.folder,
    });
    return false;
  } catch (error) {
    if (error instanceof GitError) return true;
    throw error;
  }
}
