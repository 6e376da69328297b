import { lstatSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { globSync } from "tinyglobby";
import { safePath } from "../../shared/lib/archive-path.ts";
import { bytesOf, nameOf, onDisk, printName, withoutLineEnds } from "../../shared/lib/byte-path.ts";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { patternMistake, whyNothing } from "./pattern-trouble.ts";

/** A repository's own folder is no artifact, and its hooks would be code in the dependent's workspace. */
const NEVER = ["**/.git", "**/.git/**"];
const ABSENT = new Set(["ENOENT", "ENOTDIR"]);

/** What was to be kept and is not, and why. The path is in the form of `byte-path.ts`. */
export interface Missed {
  readonly path: string;
  readonly why: string;
}

export interface Matches {
  /** Relative to the workspace, sorted by byte value, each once. What they are, nobody has looked yet. */
  readonly paths: readonly string[];
  readonly missed: readonly Missed[];
  /** Patterns that meet nothing, a line for each. */
  readonly warnings: readonly string[];
}

/**
 * Finds what the globs of a job match, dot files included; a folder means all that is in it, `!` excludes. Symbolic
 * links are matched and never followed. Blocks: it is called in a thread of its own. A pattern that cannot match is told
 * of and costs the others nothing.
 */
export function matchFiles(workspace: string, patterns: readonly string[]): Matches {
  const seen = makeSeenFolders(workspace);
  const warnings: string[] = [];
  const fit = patterns.map(withoutLineEnds).filter((pattern) => {
    const mistake = patternMistake(pattern);
    if (mistake !== undefined) warnings.push(`artifact path ${shown(pattern)} matches nothing: ${mistake}`);
    return mistake === undefined;
  });
  const excluded = fit.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const globs = fit.filter((pattern) => !pattern.startsWith("!"));
  const found = new Set<string>();
  const dead: string[] = [];
  for (const pattern of globs) {
    const matches = matchOne(workspace, pattern, excluded, seen);
    for (const match of matches) found.add(match);
    if (matches.length === 0) dead.push(pattern);
  }
  const kept = foldersOf(found);
  for (const pattern of globs) {
    const isDead = dead.includes(pattern);
    const folders = isDead || isShallow(pattern) ? matchFolders(workspace, pattern, excluded, seen) : [];
    const lost = folders.filter((folder) => !kept.has(folder));
    if (lost.length > 0) warnings.push(`artifact path ${shown(pattern)} ${tellFolders(pattern, lost)}`);
    else if (isDead && folders.length === 0) {
      const isExcluded = excluded.length > 0 && matchOne(workspace, pattern, [], seen).length > 0;
      const why = isExcluded ? "all that it matches is excluded" : whyNothing(pattern);
      warnings.push(`artifact path ${shown(pattern)} matches nothing${why === undefined ? "" : `: ${why}`}`);
    }
  }
  if (patterns.length > 0 && globs.length === 0) warnings.push("no artifact path says what to keep");
  return { ...settled(workspace, found, seen.unreadable), warnings };
}

const shown = (pattern: string): string => JSON.stringify(bytesOf(pattern).toString());

function settled(workspace: string, found: ReadonlySet<string>, unreadable: ReadonlyMap<string, string>) {
  const missed: Missed[] = [...unreadable].map(([path, why]) => ({ path, why: `${why}; what is in it is not kept` }));
  const paths: string[] = [];
  const isBehindLink = makeLinkCheck(workspace);
  for (const path of sortedByBytes(found)) {
    if (isBehindLink(dirname(path))) missed.push({ path, why: "it is behind a symbolic link" });
    else paths.push(path);
  }
  return { paths, missed };
}

function sortedByBytes(paths: ReadonlySet<string>): string[] {
  const keyed = Array.from(paths, (path) => ({ path, bytes: bytesOf(path) }));
  return keyed.sort((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ path }) => path);
}

/** All folders in which something is kept. */
function foldersOf(paths: ReadonlySet<string>): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const path of paths)
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const folder = path.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  return folders;
}

/** Whether it keeps the files of a folder and not what is in the folders beside them. */
const isShallow = (pattern: string): boolean => pattern.endsWith("*") && !pattern.includes("**");

function matchFolders(workspace: string, pattern: string, excluded: readonly string[], seen: SeenFolders): string[] {
  return matchOne(workspace, pattern, excluded, seen, { onlyDirectories: true, expandDirectories: false });
}

function tellFolders(pattern: string, folders: readonly string[]): string {
  const [first = ""] = folders;
  const [which, them, hold] =
    folders.length === 1
      ? [`the folder ${printName(first)}`, "it", "holds"]
      : [`${folders.length} folders`, "them", "hold"];
  if (!isShallow(pattern)) return `matches nothing: ${which} ${hold} no file`;
  return `matches ${which}, and keeps nothing of ${them}; ${shown(`${pattern}/**`)} keeps what is in ${them}`;
}

interface SeenFolders {
  readonly read: typeof readdirSync;
  /** Folders that could not be read, and why. */
  readonly unreadable: ReadonlyMap<string, string>;
}

function matchOne(
  workspace: string,
  pattern: string,
  excluded: readonly string[],
  seen: SeenFolders,
  options: { readonly onlyDirectories?: boolean; readonly expandDirectories?: boolean } = {},
): string[] {
  const matches = globSync(pattern, {
    cwd: workspace,
    dot: true,
    followSymbolicLinks: false,
    ignore: [...NEVER, ...excluded],
    fs: { readdirSync: seen.read },
    ...options,
  });
  return matches.flatMap((match) => safePath(match) ?? []);
}

interface Entry {
  readonly name: string;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/**
 * Reads each folder once, however many patterns go through it. To the glob, all but folders are files: links would be
 * left out otherwise, and sockets without a word.
 */
function makeSeenFolders(workspace: string): SeenFolders {
  const entries = new Map<string, readonly Entry[]>();
  const unreadable = new Map<string, string>();
  const read = (folder: string): readonly Entry[] => {
    const known = entries.get(folder);
    if (known !== undefined) return known;
    const list = readFolder(folder, (error) => {
      if (!ABSENT.has(systemCode(error) ?? ""))
        unreadable.set(safePath(folder.slice(workspace.length + 1)) ?? ".", fileTrouble(error));
    });
    entries.set(folder, list);
    return list;
  };
  return { read: ((folder: string) => read(folder.replace(/\/+$/, ""))) as unknown as typeof readdirSync, unreadable };
}

function readFolder(folder: string, failed: (error: unknown) => void): readonly Entry[] {
  try {
    const found = readdirSync(onDisk(folder), { withFileTypes: true, encoding: "buffer" });
    return found.map((entry) => {
      const isFolder = entry.isDirectory();
      const name = nameOf(entry.name);
      return { name, isFile: () => !isFolder, isDirectory: () => isFolder, isSymbolicLink: () => false };
    });
  } catch (error) {
    failed(error);
    return [];
  }
}

/** Whether a folder of the workspace is, or lies behind, a symbolic link. Asks the file system once for each folder. */
function makeLinkCheck(workspace: string): (folder: string) => boolean {
  const known = new Map<string, boolean>([[".", false]]);
  const check = (folder: string): boolean => {
    const answer = known.get(folder) ?? ask(folder);
    known.set(folder, answer);
    return answer;
  };
  const ask = (folder: string): boolean =>
    check(dirname(folder)) ||
    lstatSync(onDisk(join(workspace, folder)), { throwIfNoEntry: false })?.isDirectory() !== true;
  return check;
}
