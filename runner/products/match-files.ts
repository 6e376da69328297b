import { type Dirent, readdir } from "node:fs";
import { lstat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { glob } from "tinyglobby";
import { DomainError } from "../../shared/domain/errors.ts";
import { globCostMistake } from "../../shared/domain/glob-cost.ts";
import { ARTIFACT_ENTRIES_MAX } from "../../shared/domain/limits.ts";
import { safePath } from "../../shared/lib/archive-path.ts";

/** A repository's own folder is no artifact, and its hooks would be code in the dependent's workspace. */
const NEVER = ["**/.git", "**/.git/**"];

export interface Matches {
  /** Relative to the workspace, sorted by byte value, each once. What they are, nobody has looked yet. */
  readonly paths: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Finds what the globs of a job match, dot files included; a folder means all that is in it, `!` excludes. Symbolic
 * links are matched and never followed. Throws DomainError where a glob leaves the workspace or costs too much, or
 * too much matches.
 */
export async function matchFiles(
  workspace: string,
  patterns: readonly string[],
  signal?: AbortSignal,
): Promise<Matches> {
  for (const pattern of patterns) assertFit(pattern);
  const excluded = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const found = new Set<string>();
  const warnings: string[] = [];
  for (const pattern of patterns) {
    if (pattern.startsWith("!")) continue;
    const matches = await matchOne(workspace, pattern, excluded, signal);
    if (matches.length === 0) warnings.push(`artifact path ${JSON.stringify(pattern)} matches nothing`);
    for (const match of matches) found.add(match);
    if (found.size > ARTIFACT_ENTRIES_MAX)
      throw new DomainError("too_large", `the artifact paths match more than ${ARTIFACT_ENTRIES_MAX} files`);
  }
  const paths: string[] = [];
  const behindLinks = makeLinkCheck(workspace);
  for (const path of [...found].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    if (await behindLinks(dirname(path))) warnings.push(`artifact ${path} is behind a symbolic link: not kept`);
    else paths.push(path);
  }
  return { paths, warnings };
}

function assertFit(pattern: string): void {
  const path = pattern.replace(/^!/, "");
  if (path.startsWith("/") || path.split("/").includes("..") || path.includes("\0"))
    throw new DomainError("bad_request", `artifact path ${JSON.stringify(pattern)} leaves the workspace`);
  const mistake = globCostMistake(path);
  if (mistake !== undefined)
    throw new DomainError("bad_request", `artifact path ${JSON.stringify(pattern)} ${mistake}`);
}

async function matchOne(
  workspace: string,
  pattern: string,
  excluded: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const matches = await glob(pattern, {
    cwd: workspace,
    dot: true,
    followSymbolicLinks: false,
    ignore: [...NEVER, ...excluded],
    fs: { readdir: readdirAsFiles },
    ...(signal === undefined ? {} : { signal }),
  });
  return matches.flatMap((match) => safePath(match) ?? []);
}

/** To the glob, all but folders are files: links would be left out otherwise, and sockets without a word. */
const readdirAsFiles = ((path: string, options: { withFileTypes: true }, done: ReaddirDone) => {
  readdir(path, options, (error, entries) => {
    for (const entry of entries ?? [])
      if (!entry.isDirectory()) Object.assign(entry, { isFile: () => true, isSymbolicLink: () => false });
    done(error, entries);
  });
}) as typeof readdir;

type ReaddirDone = (error: NodeJS.ErrnoException | null, entries: Dirent[]) => void;

/** Whether a folder of the workspace is, or lies behind, a symbolic link. Asks the file system once for each folder. */
function makeLinkCheck(workspace: string): (folder: string) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>([[".", Promise.resolve(false)]]);
  const check = (folder: string): Promise<boolean> => {
    const answer = known.get(folder) ?? ask(folder);
    known.set(folder, answer);
    return answer;
  };
  const ask = async (folder: string): Promise<boolean> =>
    (await check(dirname(folder))) || !(await lstat(join(workspace, folder))).isDirectory();
  return check;
}
