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
  /** What git reads beside the tree's own .gitignore and .gitattributes; these files may be missing. */
  readonly exclude: string;
  readonly attributes: string;
  readonly sparse: string;
  /** As git reads them here: `core.excludesfile` and others that say what is ignored, and what is converted. */
  readonly settings: ReadonlyMap<string, string>;
  /** A partial clone: objects may be missing until git fetches them. */
  readonly partial: boolean;
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
  "--git-path",
  "info/exclude",
  "--git-path",
  "info/attributes",
  "--git-path",
  "info/sparse-checkout",
  "--show-object-format",
];

/** Reading a setting runs nothing. */
const SETTINGS =
  "^(core\\.(excludesfile|attributesfile|autocrlf|ignorecase|precomposeunicode)|extensions\\.partialclone|remote\\..*\\.promisor)$";

/** The repository around a folder; undefined outside of any, or inside one without a working tree. */
export async function findRepository(
  cwd: string,
  env: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>> = {},
): Promise<Repository | undefined> {
  const call = { cwd, env: gitEnvironment(env, { GIT_NO_REPLACE_OBJECTS: "1", ...own }) };
  const [found, head, branch, said] = await Promise.all([
    tryGit(["rev-parse", "--path-format=absolute", ...QUESTIONS], call),
    tryGit(["log", "-1", "--no-show-signature", "--format=%H %T"], call),
    tryGit(["symbolic-ref", "-q", "HEAD"], call),
    tryGit(["config", "-z", "--get-regexp", SETTINGS], call),
  ]);
  if (found.code !== 0) {
    if (/not a git repository|must be run in a work tree/.test(found.stderr)) return undefined;
    throw new CommandError(`git cannot read the repository at ${cwd}: ${reasonOf(found.stderr)}`);
  }
  const paths = lines(found.stdout);
  const [root = "", gitDir = "", objects = "", index = "", shallow = ""] = paths;
  const [exclude = "", attributes = "", sparse = "", format] = paths.slice(5);
  if (format !== "sha1")
    throw new CommandError(`${root} names commits by ${format}; only SHA-1 repositories are supported`);
  const [sha, tree] = head.code === 0 ? (lines(head.stdout)[0] ?? "").split(" ") : [];
  const name = branch.code === 0 ? branchOfRef(lines(branch.stdout)[0] ?? "") : undefined;
  const settings = settingsOf(said.stdout);
  const partial = [...settings.keys()].some((key) => key.includes("partialclone") || key.endsWith(".promisor"));
  const places = { root, gitDir, objects, index, shallow, exclude, attributes, sparse };
  return { ...places, settings, partial, head: sha, headTree: tree, branch: name };
}

/** The last of each wins. */
function settingsOf(output: Buffer): ReadonlyMap<string, string> {
  const all = output.toString("utf8").split("\0").filter(Boolean);
  return new Map(
    all.map((one) => {
      const [key = "", value = "true"] = one.split(/\n(.*)/s);
      return [key, value] as const;
    }),
  );
}

/** Whether the working tree differs from HEAD, untracked files included. */
export async function isDirty(repository: Repository, env: Readonly<Record<string, string>>): Promise<boolean> {
  const call = { cwd: repository.root, env: gitEnvironment(env, { GIT_OPTIONAL_LOCKS: "0" }) };
  const { code, stdout, stderr } = await tryGit(["-c", "core.fsmonitor=false", "status", "--porcelain", "-z"], call);
  if (code !== 0) throw new CommandError(`git cannot read the working tree ${repository.root}: ${reasonOf(stderr)}`);
  return stdout.length > 0;
}

const lines = (output: Buffer): string[] => output.toString("utf8").trimEnd().split("\n");
