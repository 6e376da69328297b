import { copyFile, lstat, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../../shared/domain/errors.ts";
import { borrowing } from "../../shared/lib/alternates.ts";
import { eachOf } from "../../shared/lib/each-of.ts";
import { findLocalRepository, localPathOf, type Repository } from "../../shared/lib/local-repository.ts";
import { pinAddress } from "../../shared/lib/pin-address.ts";
import { removeWholeTree } from "../../shared/lib/remove-tree.ts";
import { serverOfSource, sourceUrlProblem } from "../../shared/lib/source-url.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import type { SourceCredential } from "../../shared/protocol/leases.ts";
import type { Source } from "../../shared/protocol/runs.ts";
import { type GitContext, GitError, redact, run } from "./git.ts";
import { CHECKOUT_MS, HISTORY_BYTES_MAX } from "./limits.ts";
import { fetchCommit, isDamaged, mirrorOf } from "./mirror.ts";
import { RAW_ATTRIBUTES } from "./raw-checkout.ts";

export interface CheckoutOptions {
  readonly source: Source;
  /** What the source is fetched with; only from its own URL, over HTTPS. */
  readonly credential?: SourceCredential;
  /** An empty folder. */
  readonly into: string;
  /** Holds the mirrors of remote repositories, for all attempts of all runners that share it. */
  readonly cacheDir: string;
  /** Folders in which local repositories may lie. */
  readonly allowedRoots: readonly string[];
  readonly signal: AbortSignal;
  /** Told in one line what was done. */
  readonly report: (line: string) => void;
  /** What git sees of the runner's environment (PATH, proxies, SSH_AUTH_SOCK); a usual PATH where absent. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Checks a commit out into an empty workspace. Its `.git` works and stands alone, detached at the commit, with no remote:
 * nothing in it leads out of the workspace. Its objects come from the local repository, with their history where that is
 * small, or from a mirror that fetches only the commit. Submodules and LFS objects are not fetched. Throws DomainError where the source may not be used, GitError where git cannot, and the signal's reason.
 */
export async function checkout(options: CheckoutOptions): Promise<void> {
  const { source, into, report } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(CHECKOUT_MS)]);
  const context: GitContext = { env: options.env ?? {}, signal };
  assertPlain(source);
  if ((await readdir(into)).length > 0) throw new DomainError("conflict", `${into} is not empty`);
  if (options.credential !== undefined && !source.url.startsWith("https://"))
    throw new DomainError("bad_request", "a credential is sent over HTTPS only");
  const local = localPathOf(source.url);
  if (local !== undefined) {
    const whole = await checkoutLocal(context, options, local);
    report(`checked out ${shortSha(source.sha)} of ${local}${whole.history}`);
    if (!whole.isSnapshot) await warnOfSubmodules(into, report);
    return;
  }
  const how = await checkoutRemote({ ...context, config: await pinned(context, source) }, options);
  report(`checked out ${shortSha(source.sha)} of ${redact(source.url)} (${how})`);
  await warnOfSubmodules(into, report);
}

/** Otherwise a build misses files, and its log does not say why. */
async function warnOfSubmodules(into: string, report: CheckoutOptions["report"]): Promise<void> {
  const modules = await lstat(join(into, ".gitmodules")).catch(ignoreMissing);
  if (modules?.isFile() === true)
    report(
      "warning: submodules are empty folders here; `git submodule update --init --recursive` in a step fetches them",
    );
}

/** What the log adds of the history; a snapshot's submodules are plain files in it. */
interface LocalCheckout {
  readonly history: string;
  readonly isSnapshot: boolean;
}

async function checkoutLocal(context: GitContext, options: CheckoutOptions, local: string): Promise<LocalCheckout> {
  const { source, into } = options;
  const from = await findLocalRepository(local, options.allowedRoots, ALLOWED);
  const { bytes, isPartial } = await lookAtPacks(from.alternates);
  const whole = !isPartial && bytes <= HISTORY_BYTES_MAX;
  const isSnapshot = from.raw === true;
  // What git lacks of the history need not be lacking of the commit.
  if (whole && (await isMade(into, () => materialise(context, from, source.sha, into, "history"))))
    return { history: "", isSnapshot };
  try {
    await materialise(context, from, source.sha, into, "commit");
  } catch (cause) {
    if (!(cause instanceof GitError) || !isPartial) throw cause;
    const cure = `\`git -C ${local} fetch --refetch --no-filter\` fetches them`;
    throw new GitError(`${local} is a partial clone, and lacks objects of this commit: ${cure} (${cause.message})`, {
      cause,
    });
  }
  const lacks = isPartial ? "of which a partial clone lacks some" : "of which objects are missing";
  return { history: `, without its history, ${!whole && !isPartial ? "which is large" : lacks}`, isSnapshot };
}

/** What a failure leaves is removed. */
async function isMade(into: string, make: () => Promise<void>): Promise<boolean> {
  try {
    await make();
    return true;
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    await Promise.all((await readdir(into)).map((name) => removeWholeTree(join(into, name))));
    return false;
  }
}

const ALLOWED = { who: "this runner", how: "--allow-source" };

/** As the command line shows commits; the whole one is the run's. */
const shortSha = (sha: string): string => sha.slice(0, 10);

/** The protocol's schema says so too; git must never take a name for an option. */
function assertPlain(source: Source): void {
  if (!/^[0-9a-f]{40}$/.test(source.sha)) throw new DomainError("bad_request", "a commit is named by its full SHA");
  const problem = sourceUrlProblem(source.url);
  if (problem !== undefined)
    throw new DomainError(
      "bad_request",
      `source ${JSON.stringify(redact(source.url))} is not a URL that Baton fetches: ${problem}`,
    );
  if (source.branch !== undefined && (/^-|[\s*?[\\^~:]|\.\./.test(source.branch) || source.branch === ""))
    throw new DomainError("bad_request", `${JSON.stringify(source.branch)} is no branch name`);
}

/**
 * What a run's author names is fetched from anywhere but where clouds answer a host with its own credentials (SECURITY 33).
 * Behind a proxy a name need not resolve here: there the proxy looks it up.
 */
async function pinned({ env }: GitContext, source: Source): Promise<Readonly<Record<string, string>>> {
  const server = serverOfSource(source.url);
  if (server === undefined) return {};
  try {
    const found = await pinAddress(server, { publicOnly: false });
    if ("config" in found) return found.config;
    throw new DomainError("forbidden", `source ${redact(source.url)}: ${found.refused}`);
  } catch (error) {
    if (error instanceof DomainError) throw error;
    if (Object.keys(env).some((name) => /^(?:https?|all)_proxy$/i.test(name))) return {};
    throw new GitError(`could not resolve ${server.hostname}`, { cause: error });
  }
}

/**
 * The warm way is one git process and no lock. Where it fails the commit is fetched; where it still fails the mirror is
 * rebuilt, once. Only what fetches has the credential.
 */
async function checkoutRemote(context: GitContext, options: CheckoutOptions): Promise<string> {
  const { source, into, cacheDir, credential } = options;
  const mirror = mirrorOf(cacheDir, source.url, credential === undefined ? "open" : "credential");
  const fetching = credential === undefined ? context : { ...context, credential: { ...credential, url: source.url } };
  const attempt = async (): Promise<unknown> => {
    try {
      await materialise(context, mirror, source.sha, into, "commit");
      return undefined;
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      await Promise.all((await readdir(into)).map((name) => removeWholeTree(join(into, name))));
      return error;
    }
  };
  if ((await attempt()) === undefined) return "from the cache";
  try {
    const fetched = await fetchCommit(fetching, mirror, source, "fetch");
    if ((await attempt()) === undefined) return fetched === "commit" ? "fetched" : "fetched with its branch";
  } catch (error) {
    if (!(error instanceof GitError) || !(await isDamaged(context, mirror))) throw error;
  }
  await fetchCommit(fetching, mirror, source, "rebuild");
  const error = await attempt();
  if (error !== undefined) throw error;
  return "fetched, the cache was rebuilt";
}

/**
 * Writes a `.git` by hand, as gitrepository-layout(5) says (`git init` is a process more), and lets git fill the folder.
 * Copied into a pack of its own while the files are written: links to the objects of another repository would let a step
 * write to them, and an alternate leads out of the workspace.
 */
async function materialise(
  context: GitContext,
  from: Repository,
  sha: string,
  into: string,
  what: "commit" | "history",
): Promise<void> {
  const git = join(into, ".git");
  await mkdir(join(git, "objects", "info"), { recursive: true });
  await Promise.all([
    mkdir(join(git, "objects", "pack")),
    mkdir(join(git, "refs", "heads"), { recursive: true }),
    writeFile(join(git, "HEAD"), `${sha}\n`),
    writeFile(join(git, "config"), "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"),
    what === "commit"
      ? writeFile(join(git, "shallow"), `${sha}\n`)
      : copyFile(from.shallow, join(git, "shallow")).catch(ignoreMissing),
    ...(from.raw === true ? [writeRawAttributes(git)] : []),
  ]);
  const env = { GIT_DIR: git, GIT_WORK_TREE: into, ...borrowing(from.objects) };
  const pack = [
    "pack-objects",
    "-q",
    "--revs",
    "--delta-base-offset",
    "--window=0",
    join(git, "objects", "pack", "pack"),
  ];
  const done = await Promise.allSettled([
    run(context, "git", ["read-tree", "--reset", "-u", "HEAD"], { cwd: into, env }),
    run(context, "git", pack, { cwd: into, env, input: `${sha}\n` }),
  ]);
  for (const one of done) if (one.status === "rejected") throw one.reason;
}

/** They stay: by them git knows in the workspace, too, that its files are as they should be. */
async function writeRawAttributes(git: string): Promise<void> {
  await mkdir(join(git, "info"));
  await writeFile(join(git, "info", "attributes"), RAW_ATTRIBUTES);
}

/** What a repository's packs hold, those that it borrows from too; and whether what they lack was left with a remote. */
async function lookAtPacks(objects: readonly string[]): Promise<{ bytes: number; isPartial: boolean }> {
  const looks = await eachOf(objects, SIZES_AT_ONCE, async (folder) => {
    const pack = join(folder, "pack");
    const names = await readdir(pack).catch(noFolder);
    const packs = names.filter((name) => name.endsWith(".pack"));
    const sizes = await Promise.all(packs.map(async (name) => (await stat(join(pack, name))).size));
    return { sizes, isPartial: names.some((name) => name.endsWith(".promisor")) };
  });
  const bytes = looks.flatMap(({ sizes }) => sizes).reduce((sum, size) => sum + size, 0);
  return { bytes, isPartial: looks.some(({ isPartial }) => isPartial) };
}

const SIZES_AT_ONCE = 8;

function noFolder(error: unknown): string[] {
  ignoreMissing(error);
  return [];
}

function ignoreMissing(error: unknown): undefined {
  if (systemCode(error) !== "ENOENT") throw error;
}
