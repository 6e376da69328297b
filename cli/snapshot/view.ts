import { copyFile, mkdir, readdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { borrowing } from "../../shared/lib/alternates.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { type GitCall, gitEnvironment } from "./git.ts";
import type { Repository } from "./repository.ts";

/**
 * A working tree as git sees it through a folder of ours: the project's own `.git` is only read from, and nothing that its
 * configuration or the user's names is run (filters, hooks, fsmonitor, promisor remotes).
 */
export interface View {
  /** Reads the repository's objects. */
  readonly reads: GitCall;
  /** Writes objects of our own, and sees no others: git updates the time of those that it finds it has. */
  readonly writes: GitCall;
  /** The options of ls-files that keep a sparse index as it is: the trees of its folders may be missing. */
  readonly sparse: readonly string[];
}

/** What says which files are ignored and which are converted. The rest of a configuration stays outside. */
const KEPT = ["core.excludesfile", "core.attributesfile", "core.ignorecase", "core.precomposeunicode"];
const FIXED = {
  "core.fsmonitor": "false",
  "core.splitIndex": "false",
  "core.untrackedCache": "false",
  // Names that are dangerous elsewhere are files here.
  "core.protectNTFS": "false",
  "core.protectHFS": "false",
  "safe.directory": "*",
};

/** Makes the folder `at`. `root` is the tree, `objects` where new objects are written. */
export async function openView(options: {
  readonly at: string;
  readonly root: string;
  readonly repository: Repository | undefined;
  readonly objects: string;
  readonly env: Readonly<Record<string, string>>;
}): Promise<View> {
  const { at, root, repository, objects, env } = options;
  await Promise.all([mkdir(join(at, "info"), { recursive: true }), mkdir(join(at, "refs"), { recursive: true })]);
  await writeFile(join(at, "HEAD"), "ref: refs/heads/none\n");
  const isSparse = repository === undefined ? false : await copyState(repository, at);
  const config = settingsFor(repository, env, isSparse);
  const own = {
    GIT_DIR: at,
    GIT_WORK_TREE: root,
    GIT_INDEX_FILE: join(at, "index"),
    GIT_OBJECT_DIRECTORY: objects,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_NO_LAZY_FETCH: "1",
    ...asEnvironment(config),
  };
  const borrowed = repository === undefined ? {} : borrowing(repository.objects);
  return {
    reads: { cwd: root, env: gitEnvironment(env, { ...own, ...borrowed }) },
    writes: { cwd: root, env: gitEnvironment(env, own) },
    sparse: isSparse ? ["--sparse"] : [],
  };
}

function settingsFor(
  repository: Repository | undefined,
  { HOME = "" }: Readonly<Record<string, string>>,
  isSparse: boolean,
): Readonly<Record<string, string>> {
  const kept = KEPT.flatMap((key) => {
    const value = repository?.settings.get(key);
    return value === undefined ? [] : [[key, value.replace(/^~(?=\/)/, HOME)] as const];
  });
  const sparse = { "core.sparseCheckout": "true", "core.sparseCheckoutCone": "true", "index.sparse": "true" };
  return { ...Object.fromEntries(kept), ...FIXED, ...(isSparse ? sparse : {}) };
}

function asEnvironment(config: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(config).flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(Object.keys(config).length), ...Object.fromEntries(pairs) };
}

/** Copies what git reads of a repository beside its configuration and objects. Returns whether the checkout is sparse. */
async function copyState(repository: Repository, at: string): Promise<boolean> {
  const names = (await readdir(repository.gitDir)).filter((name) => name.startsWith("sharedindex."));
  const [isSparse] = await Promise.all([
    copyIfThere(repository.sparse, join(at, "info", "sparse-checkout")),
    copyIfThere(repository.exclude, join(at, "info", "exclude")),
    copyIfThere(repository.attributes, join(at, "info", "attributes")),
    copyIndex(repository.index, join(at, "index")),
    // The other half of a split index.
    ...names.map((name) => copyIndex(join(repository.gitDir, name), join(at, name))),
  ]);
  return isSparse === true;
}

/**
 * With its time: git looks closer at files that were changed as late as their index was written. A moment earlier is the
 * safe side of what a time of Node's loses.
 */
async function copyIndex(from: string, to: string): Promise<void> {
  if (!(await copyIfThere(from, to))) return;
  const { mtimeMs } = await stat(from);
  await utimes(to, new Date(mtimeMs), new Date(Math.floor(mtimeMs - 1)));
}

export async function copyIfThere(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return false;
  }
}
