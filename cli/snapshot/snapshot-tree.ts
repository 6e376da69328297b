import type { Stats } from "node:fs";
import { copyFile, lstat, mkdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eachOf } from "../../shared/lib/each-of.ts";
import { removeFile } from "../../shared/lib/remove-tree.ts";
import type { Source } from "../../shared/protocol/runs.ts";
import { CommandError } from "../command-error.ts";
import { git, gitEnvironment, reasonOf, tryGit } from "./git.ts";
import { findRepository, type Repository } from "./repository.ts";

/** What a snapshot may copy: more is hardly a working tree, and would fill the temporary folder. */
const SNAPSHOT_FILES_MAX = 200_000;
const SNAPSHOT_BYTES_MAX = 4 * 1_024 ** 3;
const STATS_AT_ONCE = 32;

export interface Snapshot {
  readonly source: Source;
  /** The folder that was copied: the repository's, or the current one outside of any. */
  readonly root: string;
  /** True where the tree differs from HEAD, or there is no HEAD. */
  readonly changed: boolean;
  /** What was left out, and why. */
  readonly warnings: readonly string[];
}

/**
 * Makes a commit of a working tree as it is, untracked files included and ignored ones not, in a bare repository in
 * `into` whose objects borrow from the project's. The project is only read: the commit is built with a copy of its
 * index, so that what has not changed is neither read nor hashed again. An unchanged tree is HEAD itself.
 */
export async function snapshotTree(options: {
  readonly cwd: string;
  readonly into: string;
  readonly env: Readonly<Record<string, string>>;
}): Promise<Snapshot> {
  const repository = await findRepository(options.cwd, options.env);
  const bare = join(options.into, "source.git");
  await makeBareRepository(bare, repository);
  const root = repository?.root ?? (await realpath(options.cwd));
  const index = join(options.into, "index");
  const call = { cwd: root, env: snapshotEnvironment(options.env, { bare, root, index, repository }) };

  await copyIndex(repository, index);
  const { paths, warnings } = await changedPaths(call);
  const { there, gone } = await sortPaths(root, paths);
  await updateIndex(["--force-remove"], gone, call);
  await updateIndex(["--add", "--remove", "--replace"], there, call);
  const tree = await git([...STEADY, "write-tree"], call);
  const changed = repository?.headTree !== tree;
  const sha = changed ? await commit(tree, repository, call) : (repository?.head ?? "");
  const branch = repository?.branch ?? "snapshot";
  await nameCommit(bare, branch, sha);
  await removeFile(index);
  const named = repository?.branch === undefined ? {} : { branch: repository.branch };
  return { source: { kind: "git", url: bare, sha, ...named }, root, changed, warnings };
}

/** Settings of the user's that would start daemons, write elsewhere, or stop for a question of style. */
const STEADY = ["-c", "core.fsmonitor=false", "-c", "core.splitIndex=false", "-c", "core.safecrlf=false"];

/** A file's name is bytes, not always UTF-8: this keeps each byte as one character. */
const PATH_BYTES = "latin1";

interface Call {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

function snapshotEnvironment(
  env: Readonly<Record<string, string>>,
  at: { bare: string; root: string; index: string; repository: Repository | undefined },
): Record<string, string> {
  const author = { NAME: "baton run", EMAIL: "baton@localhost" };
  return gitEnvironment(env, {
    GIT_DIR: at.repository?.gitDir ?? at.bare,
    GIT_WORK_TREE: at.root,
    GIT_INDEX_FILE: at.index,
    GIT_OBJECT_DIRECTORY: join(at.bare, "objects"),
    GIT_OPTIONAL_LOCKS: "0",
    GIT_LITERAL_PATHSPECS: "1",
    GIT_AUTHOR_NAME: author.NAME,
    GIT_AUTHOR_EMAIL: author.EMAIL,
    GIT_COMMITTER_NAME: author.NAME,
    GIT_COMMITTER_EMAIL: author.EMAIL,
  });
}

/** Written by hand: the format is stable and a `git init` costs more than all of this. */
async function makeBareRepository(bare: string, repository: Repository | undefined): Promise<void> {
  await Promise.all([
    mkdir(join(bare, "objects", "info"), { recursive: true }),
    mkdir(join(bare, "refs", "heads"), { recursive: true }),
  ]);
  const files = [
    writeFile(join(bare, "HEAD"), "ref: refs/heads/snapshot\n"),
    writeFile(join(bare, "config"), BARE_CONFIG),
  ];
  if (repository !== undefined) {
    files.push(writeFile(join(bare, "objects", "info", "alternates"), `${repository.objects}\n`));
    files.push(copyIfThere(repository.shallow, join(bare, "shallow")));
  }
  await Promise.all(files);
}

const BARE_CONFIG = `[core]
	repositoryformatversion = 0
	bare = true
[uploadpack]
	allowAnySHA1InWant = true
`;

/** A copied index knows which files have not changed. One that is split into two files cannot be copied alone. */
async function copyIndex(repository: Repository | undefined, index: string): Promise<void> {
  if (repository === undefined) return;
  await copyIfThere(repository.index, index);
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

/** Modified, deleted and untracked paths: all that the index does not say already. */
async function changedPaths(call: Call): Promise<{ paths: string[]; warnings: string[] }> {
  const list = ["ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard"];
  const { code, stdout, stderr } = await tryGit([...STEADY, ...list], call);
  if (code !== 0) throw new CommandError(`git cannot read the working tree ${call.cwd}: ${reasonOf(stderr)}`);
  const all = new Set(stdout.toString(PATH_BYTES).split("\0"));
  all.delete("");
  const nested = [...all].filter((path) => path.endsWith("/"));
  if (all.size > SNAPSHOT_FILES_MAX) {
    throw new CommandError(
      `${call.cwd} has ${all.size} changed or untracked files, over ${SNAPSHOT_FILES_MAX}: ignore some in .gitignore`,
    );
  }
  return {
    paths: [...all].filter((path) => !path.endsWith("/")),
    warnings: nested.map(
      (path) => `${Buffer.from(path, PATH_BYTES).toString("utf8")} is a repository of its own and is left out`,
    ),
  };
}

async function updateIndex(options: readonly string[], paths: readonly string[], call: Call): Promise<void> {
  if (paths.length === 0) return;
  const input = Buffer.from(`${paths.join("\0")}\0`, PATH_BYTES);
  await git([...STEADY, "update-index", ...options, "-z", "--stdin"], { ...call, input });
}

/** What is there to be added, and what is gone, or has become a folder whose files are listed themselves. */
async function sortPaths(root: string, paths: readonly string[]): Promise<{ there: string[]; gone: string[] }> {
  const there: string[] = [];
  const gone: string[] = [];
  let bytes = 0;
  await eachOf(paths, STATS_AT_ONCE, async (path) => {
    const file = Buffer.from(`${Buffer.from(root).toString(PATH_BYTES)}/${path}`, PATH_BYTES);
    const found = await statusOf(file);
    const isGone =
      found === undefined ||
      (found.isDirectory() && (await statusOf(Buffer.concat([file, Buffer.from("/.git")]))) === undefined);
    (isGone ? gone : there).push(path);
    if (found?.isFile() === true) bytes += found.size;
    if (bytes > SNAPSHOT_BYTES_MAX) {
      throw new CommandError(
        `${root} has over ${SNAPSHOT_BYTES_MAX} bytes of changed or untracked files: ignore some in .gitignore`,
      );
    }
  });
  return { there, gone };
}

async function statusOf(file: Buffer): Promise<Stats | undefined> {
  return lstat(file).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  });
}

async function commit(tree: string, repository: Repository | undefined, call: Call): Promise<string> {
  const parents = repository?.head === undefined ? [] : ["-p", repository.head];
  return git(
    [...STEADY, "-c", "commit.gpgSign=false", "commit-tree", tree, ...parents, "-m", "The working tree as it is"],
    call,
  );
}

/** A ref, so that the commit can be fetched by every git. */
async function nameCommit(bare: string, branch: string, sha: string): Promise<void> {
  const name = /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(branch) ? branch : "snapshot";
  await writeFile(join(bare, "refs", "heads", name), `${sha}\n`);
  await writeFile(join(bare, "HEAD"), `ref: refs/heads/${name}\n`);
}
