import { CommandError } from "../command-error.ts";
import { type GitResult, reasonOf, tryGit } from "./git.ts";
import { type BytePath, splitNul, toBytePath } from "./path-bytes.ts";
import type { Repository } from "./repository.ts";
import type { View } from "./view.ts";

/** A file as its index has it. */
export interface Tracked {
  readonly mode: string;
  readonly id: string;
}

/** What git says of one working tree, before anybody has looked at a file. */
export interface Listing {
  /** Files that have not changed since their index was written, by their times. */
  readonly steady: Map<BytePath, Tracked>;
  /** Steady ones that git converts on their way to the tree: their bytes may be others. */
  readonly converted: BytePath[];
  /** To be looked at: changed, deleted, untracked, in conflict, or hidden from git (`--skip-worktree`, `--assume-unchanged`). */
  readonly open: Set<BytePath>;
  /** Those of them that the index has. */
  readonly tracked: Set<BytePath>;
  /** Kept out of the tree by a sparse checkout, where nothing lies there. */
  readonly sparse: Set<BytePath>;
  /** Submodules, by their paths; and repositories that are none. */
  readonly submodules: Map<BytePath, Tracked>;
  readonly nested: BytePath[];
  /** Folders that git could not open. */
  readonly unreadable: BytePath[];
}

const CONVERTING = ["text", "crlf", "eol", "filter", "ident", "working-tree-encoding"];
/** No pathspec can say "any of these is set": so all that has none is taken out, and what is said to be binary. */
const CONVERTED = [
  `:(exclude,attr:${CONVERTING.map((name) => `!${name}`).join(" ")})`,
  ":(exclude,attr:-text !filter !ident !working-tree-encoding)",
];
const BINARY = CONVERTED.slice(1);

/** Git says so, and goes on. */
const UNOPENED = /^warning: could not open directory '(.+?)\/?':/gm;

const FOLDER = "040000";
const SUBMODULE = "160000";
const LINK = "120000";

export async function listTree(view: View, repository: Repository | undefined): Promise<Listing> {
  const autocrlf = repository?.settings.get("core.autocrlf") ?? "false";
  const list = (args: readonly string[]) => tryGit(["ls-files", "-z", ...args, ...view.sparse], view.reads);
  const results = await Promise.all([
    list(["-s", "-v"]),
    list(["--modified", "--deleted", "--others", "--exclude-standard"]),
    repository === undefined
      ? undefined
      : tryGit(["ls-files", "-z", ...view.sparse, "--", ".", ...(isFalse(autocrlf) ? CONVERTED : BINARY)], view.reads),
  ]);
  const [tracked, changed, converted] = results.map((result) => outputOf(result, view));
  const listing = sortTracked(tracked ?? []);
  for (const path of changed ?? []) addChanged(listing, path);
  for (const [, path = ""] of results[1]?.stderr.matchAll(UNOPENED) ?? []) listing.unreadable.push(toBytePath(path));
  const isConverted = (path: BytePath) => (listing.steady.get(path)?.mode ?? LINK) !== LINK;
  return { ...listing, converted: (converted ?? []).filter(isConverted) };
}

const isFalse = (value: string) => ["false", "no", "off", "0", ""].includes(value.toLowerCase());

function outputOf(result: GitResult | undefined, view: View): BytePath[] {
  if (result === undefined) return [];
  if (result.code === 0) return splitNul(result.stdout);
  throw new CommandError(`git cannot read the working tree ${view.reads.cwd}: ${reasonOf(result.stderr)}`);
}

/** Lines are `H 100644 <id> 0\t<path>`: a letter that says what is hidden, mode, id, stage. */
function sortTracked(lines: readonly BytePath[]): Listing {
  const listing: Listing = {
    steady: new Map(),
    converted: [],
    open: new Set(),
    tracked: new Set(),
    sparse: new Set(),
    submodules: new Map(),
    nested: [],
    unreadable: [],
  };
  for (const line of lines) {
    const tab = line.indexOf("\t");
    const [tag = "", mode = "", id = "", stage] = line.slice(0, tab).split(" ");
    const path = line.slice(tab + 1);
    if (tag.toUpperCase() === "S") listing.sparse.add(path);
    if (mode === FOLDER) continue;
    if (mode === SUBMODULE) listing.submodules.set(path, { mode, id });
    else if (tag === "H" && stage === "0") listing.steady.set(path, { mode, id });
    else listing.open.add(path);
    listing.tracked.add(path);
  }
  return listing;
}

function addChanged(listing: Listing, path: BytePath): void {
  if (path.endsWith("/")) {
    listing.nested.push(path.slice(0, -1));
  } else if (!listing.submodules.has(path)) {
    listing.steady.delete(path);
    listing.open.add(path);
  }
}
