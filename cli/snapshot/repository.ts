import { branchOfRef } from "../../shared/lib/ref-names.ts";
import { CommandError } from "../command-error.ts";
import { gitEnvironment, reasonOf, tryGit } from "./git.ts";

/** A git repository with a working tree, as found around a folder. Paths are absolute. */
export interface Repository {
  readonly root: string;
  readonly gitDir: string;
  readonly objects: string;
  readonly index: string;
  readonly shallow: string;
  /** Undefined before the first commit. */
  readonly head: string | undefined;
  readonly headTree: string | undefined;
  /** Undefined where HEAD is detached. */
  readonly branch: string | undefined;
}

const QUESTIONS = [
  "--show-toplevel",
  "--absolute-git-dir",
  "--git-path",
  "objects",
  "--git-path",
  "index",
  "--git-path",
  "shallow",
  "--show-object-format",
];

/** The repository around a folder; undefined outside of any, or inside one without a working tree. */
export async function findRepository(
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Repository | undefined> {
  const call = { cwd, env: gitEnvironment(env, {}) };
  const [found, head, branch] = await Promise.all([
    tryGit(["rev-parse", "--path-format=absolute", ...QUESTIONS], call),
    tryGit(["log", "-1", "--no-show-signature", "--format=%H %T"], call),
    tryGit(["symbolic-ref", "-q", "HEAD"], call),
  ]);
  if (found.code !== 0) {
    if (/not a git repository|must be run in a work tree/.test(found.stderr)) return undefined;
    throw new CommandError(`git cannot read the repository at ${cwd}: ${reasonOf(found.stderr)}`);
  }
  const [root = "", gitDir = "", objects = "", index = "", shallow = "", format] = lines(found.stdout);
  if (format !== "sha1")
    throw new CommandError(`${root} names commits by ${format}; only SHA-1 repositories are supported`);
  const [sha, tree] = head.code === 0 ? (lines(head.stdout)[0] ?? "").split(" ") : [];
  const name = branch.code === 0 ? branchOfRef(lines(branch.stdout)[0] ?? "") : undefined;
  return { root, gitDir, objects, index, shallow, head: sha, headTree: tree, branch: name };
}

/** Whether the working tree differs from HEAD, untracked files included. */
export async function isDirty(repository: Repository, env: Readonly<Record<string, string>>): Promise<boolean> {
  const call = { cwd: repository.root, env: gitEnvironment(env, { GIT_OPTIONAL_LOCKS: "0" }) };
  const { code, stdout, stderr } = await tryGit(["status", "--porcelain", "-z"], call);
  if (code !== 0) throw new CommandError(`git cannot read the working tree ${repository.root}: ${reasonOf(stderr)}`);
  return stdout.length > 0;
}

const lines = (output: Buffer): string[] => output.toString("utf8").trimEnd().split("\n");
