import { mkdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { flattenAlternates } from "../../shared/lib/alternates.ts";
import { SNAPSHOT_MARK } from "../../shared/lib/local-repository.ts";
import { removeTree } from "../../shared/lib/remove-tree.ts";
import type { Source } from "../../shared/protocol/runs.ts";
import { git } from "./git.ts";
import { collectLeftOut } from "./left-out.ts";
import type { OwnPlaces } from "./own-places.ts";
import { type BytePath, bytesOf } from "./path-bytes.ts";
import { findRepository, type Repository } from "./repository.ts";
import { isCommitted, type Taking, takeTree } from "./take-tree.ts";
import { copyIfThere, type View } from "./view.ts";

export interface Snapshot {
  readonly source: Source;
  /** The folder that was copied: the repository's, or the current one outside of any. */
  readonly root: string;
  /** Where the source's objects lie beside its own folder. */
  readonly borrows: readonly string[];
  /** True where the tree differs from HEAD, or there is no HEAD. */
  readonly changed: boolean;
  /** What was left out, and why. */
  readonly warnings: readonly string[];
}

/**
 * Makes a commit of a working tree as it is, byte for byte: untracked files and submodules' included, ignored ones not, in
 * a bare repository in `into` whose objects borrow from the project's. The project is only read, through a view of our own
 * (view.ts), so that what has not changed is not read again and none of its filters and hooks runs. An unchanged tree is
 * HEAD itself.
 */
export async function snapshotTree(options: {
  readonly cwd: string;
  readonly into: string;
  readonly env: Readonly<Record<string, string>>;
  /** What must not be in it, wherever it lies; `into` is never in it. */
  readonly own?: OwnPlaces;
}): Promise<Snapshot> {
  const { cwd, into, env, own = { folders: [], files: [] } } = options;
  const repository = await findRepository(cwd, env);
  const bare = join(into, "source.git");
  const root = repository?.root ?? (await realpath(cwd));
  await makeBareRepository(bare);
  const taking: Taking = {
    files: new Map(),
    objects: new Set(),
    leftOut: collectLeftOut(),
    env,
    into: join(into, "views"),
    ownObjects: join(bare, "objects"),
    own: { folders: await realPaths([into, ...own.folders]), files: await realPaths(own.files) },
    changed: repository?.head === undefined || repository.partial,
    copied: { files: 0, bytes: 0 },
    trees: 0,
  };
  const view = await takeTree(taking, { root, repository, prefix: "" });
  const head = repository?.head;
  const isHead = head !== undefined && !taking.changed && (await isCommitted(view, head));
  const tree = isHead ? repository?.headTree : await writeTree(taking, view, into);
  const borrows = await flattenAlternates([...taking.objects]);
  await writeFile(join(bare, "objects", "info", "alternates"), borrows.map((path) => `${path}\n`).join(""));
  const changed = tree === undefined || tree !== repository?.headTree;
  const sha = changed ? await commit(tree ?? "", repository, view) : (head ?? "");
  await describe(bare, repository, sha);
  await removeTree(taking.into);
  const named = repository?.branch === undefined ? {} : { branch: repository.branch };
  return {
    source: { kind: "git", url: bare, sha, ...named },
    root,
    borrows,
    changed,
    warnings: taking.leftOut.lines(),
  };
}

const realPaths = (paths: readonly string[]): Promise<string[]> =>
  Promise.all(paths.map((path) => realpath(path).catch(() => path)));

/** Written by hand: the format is stable and a `git init` costs more than all of this. */
async function makeBareRepository(bare: string): Promise<void> {
  await Promise.all([
    mkdir(join(bare, "objects", "info"), { recursive: true }),
    mkdir(join(bare, "refs", "heads"), { recursive: true }),
  ]);
  await Promise.all([
    writeFile(join(bare, "HEAD"), "ref: refs/heads/snapshot\n"),
    writeFile(join(bare, "config"), BARE_CONFIG),
    writeFile(join(bare, SNAPSHOT_MARK), ""),
  ]);
}

const BARE_CONFIG = `[core]
	repositoryformatversion = 0
	bare = true
[uploadpack]
	allowAnySHA1InWant = true
`;

/** From an index of its own. All folders' trees are written: to look for those that are there would touch the project's. */
async function writeTree({ files }: Taking, { writes }: View, into: string): Promise<string> {
  const call = { ...writes, env: { ...writes.env, GIT_INDEX_FILE: join(into, "views", "index") } };
  const sorted = [...files.keys()].sort();
  const lines = sorted.map((path) => entryOf(path, files.get(path)));
  await git(["update-index", "-z", "--index-info"], { ...call, input: bytesOf(lines.join("")) });
  return git(["write-tree", "--missing-ok"], call);
}

function entryOf(path: BytePath, file: { mode: string; id: string } | undefined): string {
  return `${file?.mode} ${file?.id}\t${path}\0`;
}

async function commit(tree: string, repository: Repository | undefined, { reads }: View): Promise<string> {
  const author = { NAME: "baton run", EMAIL: "baton@localhost" };
  const env = {
    ...reads.env,
    GIT_AUTHOR_NAME: author.NAME,
    GIT_AUTHOR_EMAIL: author.EMAIL,
    GIT_COMMITTER_NAME: author.NAME,
    GIT_COMMITTER_EMAIL: author.EMAIL,
  };
  const parents = repository?.head === undefined ? [] : ["-p", repository.head];
  return git(["commit-tree", tree, ...parents, "-m", "The working tree as it is"], { ...reads, env });
}

/** A ref, so that the commit can be fetched by every git. What a partial clone lacks is history: none is promised. */
async function describe(bare: string, repository: Repository | undefined, sha: string): Promise<void> {
  const branch = repository?.branch ?? "snapshot";
  const name = /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(branch) ? branch : "snapshot";
  await writeFile(join(bare, "refs", "heads", name), `${sha}\n`);
  await writeFile(join(bare, "HEAD"), `ref: refs/heads/${name}\n`);
  if (repository === undefined) return;
  await copyIfThere(repository.shallow, join(bare, "shallow"));
  if (repository.partial) await writeFile(join(bare, "shallow"), `${sha}\n`, { flag: "a" });
}
