import { existsSync } from "node:fs";
import { mkdir, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { CommandError } from "../command-error.ts";
import { git, tryGit } from "./git.ts";
import { hashFiles, hashLinks } from "./hash-files.ts";
import { type Found, inspectFiles, statusOf } from "./inspect-files.ts";
import type { LeftOut } from "./left-out.ts";
import { type Listing, listTree, type Tracked } from "./list-tree.ts";
import { findOwn, type IsOwn, type OwnPlaces } from "./own-places.ts";
import { type BytePath, bytesOf, textPath, toBytePath } from "./path-bytes.ts";
import { findRepository, type Repository } from "./repository.ts";
import { openView, type View } from "./view.ts";

/** What a snapshot may copy: more is hardly a working tree, and would fill the temporary folder. */
const SNAPSHOT_FILES_MAX = 200_000;
const SNAPSHOT_BYTES_MAX = 4 * 1_024 ** 3;
/** Submodules, and repositories within repositories, each in its own folder of git's. */
const TREES_MAX = 1_000;
/** A file that goes while it is copied is looked at again. */
const ROUNDS_MAX = 5;

/** What one snapshot has gathered so far. */
export interface Taking {
  /** Mode and object id of each file, by its path from the snapshot's root. */
  readonly files: Map<BytePath, Tracked>;
  /** Folders of objects that `files` name beside our own. */
  readonly objects: Set<string>;
  readonly leftOut: LeftOut;
  readonly env: Readonly<Record<string, string>>;
  /** Where views are made, and where new objects are written. */
  readonly into: string;
  readonly ownObjects: string;
  readonly own: OwnPlaces;
  /** True as soon as the tree cannot be the commit's own. */
  changed: boolean;
  copied: { files: number; bytes: number };
  trees: number;
}

interface Tree {
  readonly root: string;
  readonly repository: Repository | undefined;
  /** Empty, or ending with a slash. */
  readonly prefix: BytePath;
}

/** Adds a working tree, with all that is checked out below it, as its files are: byte for byte, and no more than it holds. */
export async function takeTree(taking: Taking, tree: Tree): Promise<View> {
  const { root, repository, prefix } = tree;
  taking.trees += 1;
  if (taking.trees > TREES_MAX) throw new CommandError(`${root}: over ${TREES_MAX} repositories within one another`);
  const at = join(taking.into, `tree-${taking.trees}`);
  const view = await openView({ at, root, repository, objects: taking.ownObjects, env: taking.env });
  if (repository !== undefined) taking.objects.add(repository.objects);
  const listing = await listTree(view, repository);
  const isOwn = findOwn(root, taking.own, [...listing.open, ...listing.nested.map((path) => `${path}/`)]);
  dropOwn(taking, tree, listing, isOwn);
  await reopenConverted(view, listing);
  if (repository !== undefined && mayLack(repository)) await reopenMissing(view, listing);
  await reopenSubmodules(taking, root, listing);
  for (const path of listing.unreadable) taking.leftOut.add("unreadable", prefix + path);
  await addOpen(taking, tree, view, listing, at);
  for (const [path, tracked] of listing.steady) taking.files.set(prefix + path, tracked);
  if (listing.sparse.size > 0) taking.changed = true;
  for (const path of listing.sparse) taking.leftOut.add("sparse", prefix + path);
  for (const [path, tracked] of listing.submodules) await addBelow(taking, tree, path, tracked);
  for (const path of listing.nested) await addBelow(taking, tree, path, undefined);
  return view;
}

/** What is Baton's own is silently left out; what is the user's as well is named. */
function dropOwn(taking: Taking, { root, prefix }: Tree, listing: Listing, isOwn: IsOwn): void {
  const secrets = new Set(taking.own.files.map(toBytePath));
  const drop = (path: BytePath, from: { delete(path: BytePath): boolean }) => {
    if (!isOwn(path)) return;
    const isTracked = listing.tracked.has(path) || listing.steady.has(path);
    if (isTracked) taking.leftOut.add("own", prefix + path);
    else if (secrets.has(`${toBytePath(root)}/${path}`)) taking.leftOut.add("secrets", prefix + path);
    if (isTracked) taking.changed = true;
    from.delete(path);
    listing.sparse.delete(path);
  };
  for (const path of [...listing.steady.keys()]) drop(path, listing.steady);
  for (const path of [...listing.submodules.keys()]) drop(path, listing.submodules);
  for (const path of [...listing.open]) drop(path, listing.open);
  for (const path of [...listing.nested]) drop(path, { delete: () => removeFrom(listing.nested, path) });
}

function removeFrom(list: BytePath[], path: BytePath): boolean {
  const at = list.indexOf(path);
  if (at >= 0) list.splice(at, 1);
  return at >= 0;
}

/** Files that git converts: what the tree holds is what counts, and not what a commit of it would. */
async function reopenConverted(view: View, { steady, converted, open, tracked }: Listing): Promise<void> {
  const paths = converted.filter((path) => steady.has(path));
  const ids = await hashFiles(view, paths, { write: false });
  for (const [at, path] of paths.entries()) {
    if (ids !== undefined && ids[at] === steady.get(path)?.id) continue;
    steady.delete(path);
    open.add(path);
    tracked.add(path);
  }
}

/** A submodule whose folder is gone, or is a file now. */
async function reopenSubmodules(taking: Taking, root: string, { submodules, open, tracked }: Listing): Promise<void> {
  for (const path of [...submodules.keys()]) {
    if ((await statusOf(bytesOf(`${toBytePath(root)}/${path}`)))?.isDirectory() === true) continue;
    submodules.delete(path);
    open.add(path);
    tracked.add(path);
    taking.changed = true;
  }
}

/** A partial clone, one that borrows, or one whose HEAD cannot be read: what it borrowed from may be gone. */
const mayLack = ({ partial, objects, head }: Repository): boolean =>
  partial || head === undefined || existsSync(join(objects, "info", "alternates"));

/** An object may be missing whose file is there. */
async function reopenMissing(view: View, { steady, open, tracked }: Listing): Promise<void> {
  const ids = new Set([...steady.values()].map(({ id }) => id));
  const input = [...ids].map((id) => `${id}\n`).join("");
  const said = await git(["cat-file", "--batch-check=%(objectname)"], { ...view.reads, input });
  const missing = new Set(said.split("\n").flatMap((line) => (line.endsWith(" missing") ? [line.slice(0, 40)] : [])));
  for (const [path, { id }] of [...steady]) {
    if (!missing.has(id)) continue;
    steady.delete(path);
    open.add(path);
    tracked.add(path);
  }
}

async function addOpen(taking: Taking, tree: Tree, view: View, listing: Listing, spool: string): Promise<void> {
  let open = [...listing.open];
  if (open.length === 0) return;
  taking.changed = true;
  count(taking, tree, open.length, 0);
  await mkdir(spool, { recursive: true });
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const found = await inspectFiles(tree.root, open);
    const kind = (path: BytePath) => found.get(path)?.kind;
    const files = open.filter((path) => kind(path) === "file" && hasPlace(path));
    const links = open.filter((path) => kind(path) === "link" && hasPlace(path, true));
    if (round === 0) count(taking, tree, 0, sizeOf(found));
    const ids = await hashFiles(view, files, { write: true });
    const targets = ids === undefined ? undefined : await hashLinks(view, links, spool).catch(whereGone);
    if (ids === undefined || targets === undefined) {
      open = open.filter((path) => kind(path) !== "gone");
      continue;
    }
    for (const [at, path] of files.entries()) add(taking, tree, path, modeOf(found.get(path)), ids[at]);
    for (const [at, path] of links.entries()) add(taking, tree, path, "120000", targets[at]);
    for (const [path, what] of found) noteLeftOut(taking, tree, listing, path, what);
    dropBelow(listing.steady, new Set([...files, ...links]));
    return;
  }
  throw new CommandError(
    `the files of ${tree.root} change while they are copied: stop what writes there, and try again`,
  );
}

/** Where a file lies, or a link, nothing lies below, whatever is seen through a link. */
function dropBelow(steady: Map<BytePath, Tracked>, files: ReadonlySet<BytePath>): void {
  for (const path of [...steady.keys()])
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1))
      if (files.has(path.slice(0, end))) steady.delete(path);
}

function whereGone(error: unknown): undefined {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EINVAL"))
    return undefined;
  throw error;
}

const sizeOf = (found: ReadonlyMap<BytePath, Found>): number =>
  [...found.values()].reduce((sum, one) => sum + (one.kind === "file" ? one.bytes : 0), 0);

const modeOf = (found: Found | undefined): string => (found?.kind === "file" ? found.mode : "100644");

function add({ files }: Taking, { prefix }: Tree, path: BytePath, mode: string, id: string | undefined): void {
  if (id === undefined) throw new Error(`no object for ${path}`);
  files.set(prefix + path, { mode, id });
}

/** No tree of git's holds `.git`, in whatever case; nor its own settings as a link. */
const hasPlace = (path: BytePath, isLink = false): boolean =>
  !/(?:^|\/)\.git(?:\/|$)/i.test(path) && !(isLink && /(?:^|\/)\.gitmodules$/i.test(path));

function noteLeftOut({ leftOut }: Taking, { prefix }: Tree, listing: Listing, path: BytePath, { kind }: Found): void {
  if (kind !== "gone") listing.sparse.delete(path);
  if (kind === "unreadable") leftOut.add("unreadable", prefix + path);
  if (kind === "other") leftOut.add("special", prefix + path);
  if ((kind === "file" || kind === "link") && !hasPlace(path, kind === "link")) leftOut.add("named", prefix + path);
}

function count({ copied }: Taking, { root }: Tree, files: number, bytes: number): void {
  copied.files += files;
  copied.bytes += bytes;
  const cure = "changed or untracked files: ignore some in .gitignore";
  if (copied.files > SNAPSHOT_FILES_MAX)
    throw new CommandError(`${root} has ${copied.files}, over ${SNAPSHOT_FILES_MAX}, ${cure}`);
  if (copied.bytes > SNAPSHOT_BYTES_MAX)
    throw new CommandError(`${root} has over ${SNAPSHOT_BYTES_MAX} bytes of ${cure}`);
}

/** A submodule, or a repository of its own: its files become files of this tree. */
async function addBelow(taking: Taking, tree: Tree, path: BytePath, tracked: Tracked | undefined): Promise<void> {
  const at = tree.prefix + path;
  const root = textPath(`${toBytePath(tree.root)}/${path}`);
  if (root === undefined) return taking.leftOut.add("named", at);
  if (tracked !== undefined && (await readdir(root)).length === 0) {
    taking.files.set(at, tracked);
    return taking.leftOut.add("submodule", at);
  }
  taking.changed = true;
  const repository = await repositoryAt(taking, root);
  if (tracked === undefined) taking.leftOut.add(repository === undefined ? "unreadableRepository" : "nested", at);
  const before = taking.files.size;
  await takeTree(taking, { root: await realpath(root), repository, prefix: `${at}/` });
  // Without a file there would be no folder.
  if (tracked !== undefined && taking.files.size === before)
    taking.files.set(at, { ...tracked, id: repository?.head ?? tracked.id });
}

/** The repository of this very folder. Its owner does not matter: none of its settings is followed. */
async function repositoryAt(taking: Taking, root: string): Promise<Repository | undefined> {
  const own = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" };
  try {
    const found = await findRepository(root, taking.env, own);
    return found !== undefined && found.root === (await realpath(root)) ? found : undefined;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** Whether the index is the commit's tree, where nothing else has changed. */
export async function isCommitted(view: View, head: string): Promise<boolean> {
  return (await tryGit(["diff-index", "--cached", "--quiet", head, "--"], view.reads)).code === 0;
}
