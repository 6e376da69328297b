import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { reasonOf } from "../../../cli/snapshot/git.ts";
import { snapshotTree } from "../../../cli/snapshot/snapshot-tree.ts";

/** Real git on real folders: what a job's checkout would get is what counts. */

let folder = "";
let project = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "baton-snapshot-"));
  project = join(folder, "project");
  mkdirSync(project);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" };
const author = ["-c", "user.name=t", "-c", "user.email=t@t"];
const git = (args: string[], cwd = project) =>
  execFileSync("git", [...author, ...args], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], env }).trim();

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  }
}

function commit(files: Record<string, string>): void {
  git(["init", "-q", "-b", "trunk"]);
  write(files);
  git(["add", "-A"]);
  git(["commit", "-qm", "first"]);
}

/** The snapshot's files as another git reads them from the bare repository alone. */
async function snapshot(cwd = project) {
  const into = mkdtempSync(join(folder, "into-"));
  const taken = await snapshotTree({ cwd, into, env });
  const { url, sha } = taken.source;
  const names = git(["-C", url, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", sha], folder);
  return {
    ...taken,
    names: names.split("\n").filter(Boolean),
    read: (path: string) => git(["-C", url, "show", `${sha}:${path}`], folder),
  };
}

const untouched = () => [
  git(["status", "--porcelain"]),
  readFileSync(join(project, ".git/index")).toString("base64"),
  git(["count-objects"]),
];

test("changed, untracked and deleted files are in it, ignored ones are not, and the repository is not touched", async () => {
  commit({ "a.txt": "old", "gone.txt": "x", "deep/b.txt": "b", ".gitignore": "*.log\nbuild/\n" });
  write({ "a.txt": "new", "neu ä.txt": "n", "x.log": "no", "build/o": "no", "deep/c.txt": "c" });
  rmSync(join(project, "gone.txt"));
  git(["add", "deep/c.txt"]);
  write({ "deep/c.txt": "c, after staging" });
  const before = untouched();
  const taken = await snapshot();
  expect(taken.names.sort()).toEqual([".gitignore", "a.txt", "deep/b.txt", "deep/c.txt", "neu ä.txt"]);
  expect([taken.read("a.txt"), taken.read("deep/c.txt")]).toEqual(["new", "c, after staging"]);
  expect(taken).toMatchObject({ changed: true, root: project, source: { kind: "git", branch: "trunk" } });
  expect(untouched()).toEqual(before);
});

test("an unchanged tree is HEAD itself", async () => {
  commit({ "a.txt": "a" });
  const taken = await snapshot();
  expect(taken.changed).toBe(false);
  expect(taken.source.sha).toBe(git(["rev-parse", "HEAD"]));
});

test("the snapshot can be cloned by its commit", async () => {
  commit({ "a.txt": "a" });
  write({ "b.txt": "b" });
  const { source } = await snapshot();
  const clone = join(folder, "clone");
  git(["init", "-q", clone], folder);
  git(["fetch", "-q", "--depth=1", source.url, source.sha], clone);
  git(["checkout", "-q", "FETCH_HEAD"], clone);
  expect(readFileSync(join(clone, "b.txt"), "utf8")).toBe("b");
});

test.each(["trunk", "heads/x", "refs/heads/x", "tags/x", "refs/tags/v1"])(
  "case L10: the branch %s is named as it is, also beside a tag and a branch of its name",
  async (branch) => {
    commit({ "a.txt": "a" });
    git(["checkout", "-q", "-B", branch]);
    for (const also of ["refs/tags/", "refs/heads/heads/"]) git(["update-ref", `${also}${branch}`, "HEAD"]);
    expect((await snapshot()).source.branch).toBe(branch);
    git(["checkout", "-q", "--detach", `refs/tags/${branch}`]);
    expect((await snapshot()).source.branch).toBeUndefined();
  },
);

test("a repository without a commit works", async () => {
  git(["init", "-q", "-b", "trunk"]);
  write({ "a.txt": "a" });
  expect((await snapshot()).names).toEqual(["a.txt"]);
});

test("a folder outside of any repository works, and .gitignore counts there too", async () => {
  write({ "a.txt": "a", "b.log": "b", ".gitignore": "*.log" });
  const taken = await snapshot();
  expect(taken.names).toEqual([".gitignore", "a.txt"]);
  expect(taken.source.branch).toBeUndefined();
});

test("from a subfolder the whole repository is taken", async () => {
  commit({ "a.txt": "a", "sub/b.txt": "b" });
  write({ "a.txt": "changed" });
  const taken = await snapshot(join(project, "sub"));
  expect(taken.read("a.txt")).toBe("changed");
  expect(taken.root).toBe(project);
});

test("symbolic links and modes are kept, links are not followed", async () => {
  commit({ "a.txt": "a" });
  symlinkSync("a.txt", join(project, "link"));
  symlinkSync("/etc", join(project, "out"));
  write({ "run.sh": "#!/bin/sh" });
  chmodSync(join(project, "run.sh"), 0o755);
  const { source, names, read } = await snapshot();
  expect(names.sort()).toEqual(["a.txt", "link", "out", "run.sh"]);
  expect(read("out")).toBe(readlinkSync(join(project, "out")));
  expect(git(["-C", source.url, "ls-tree", source.sha, "run.sh", "link"], folder)).toMatch(/120000.*\n100755/);
});

test("a file that became a folder, and a folder that became a file", async () => {
  commit({ a: "file", "b/c": "in a folder" });
  rmSync(join(project, "a"));
  rmSync(join(project, "b"), { recursive: true });
  write({ "a/d": "d", b: "b" });
  expect((await snapshot()).names.sort()).toEqual(["a/d", "b"]);
});

test("a submodule stays a link to its commit", async () => {
  commit({ "a.txt": "a" });
  const other = join(folder, "other");
  mkdirSync(other);
  git(["init", "-q"], other);
  git(["commit", "-q", "--allow-empty", "-m", "x"], other);
  git(["-c", "protocol.file.allow=always", "submodule", "add", "-q", other, "sub"]);
  git(["commit", "-q", "--allow-empty", "-m", "y"], join(project, "sub"));
  const { source } = await snapshot();
  expect(git(["-C", source.url, "ls-tree", source.sha, "sub"], folder)).toContain(
    git(["rev-parse", "HEAD"], join(project, "sub")),
  );
});

test("a name that is not UTF-8 survives", async () => {
  commit({ "a.txt": "a" });
  writeFileSync(Buffer.concat([Buffer.from(`${project}/`), Buffer.from([0x66, 0xff])]), "odd");
  const taken = await snapshot();
  expect(taken.names).toHaveLength(2);
});

test("files in conflict are taken as they lie there", async () => {
  commit({ "a.txt": "base" });
  git(["checkout", "-qb", "other"]);
  write({ "a.txt": "other" });
  git(["commit", "-qam", "other"]);
  git(["checkout", "-q", "trunk"]);
  write({ "a.txt": "trunk" });
  git(["commit", "-qam", "trunk"]);
  expect(() => git(["merge", "other"])).toThrow();
  expect((await snapshot()).read("a.txt")).toContain("<<<<<<<");
});

test("a worktree and a split index work", async () => {
  commit({ "a.txt": "a", "b.txt": "b" });
  const tree = join(folder, "tree");
  git(["worktree", "add", "-q", tree]);
  git(["update-index", "--split-index"], tree);
  writeFileSync(join(tree, "new.txt"), "n");
  expect((await snapshot(tree)).names.sort()).toEqual(["a.txt", "b.txt", "new.txt"]);
});

test("an environment that points git elsewhere is not followed", async () => {
  commit({ "a.txt": "a" });
  const into = mkdtempSync(join(folder, "into-"));
  const taken = await snapshotTree({
    cwd: project,
    into,
    env: { ...env, GIT_DIR: "/nowhere", GIT_INDEX_FILE: "/nowhere" },
  });
  expect(taken.root).toBe(project);
});

test("a SHA-256 repository is refused in one line", async () => {
  git(["init", "-q", "--object-format=sha256"]);
  await expect(snapshot()).rejects.toThrow(/only SHA-1 repositories/);
});

test.each([
  ["warning: odd\nfatal: bad object HEAD", "fatal: bad object HEAD"],
  [
    "fatal: detected dubious ownership in repository at '/r'\nTo add an exception, call:\n\n\tgit config --global --add safe.directory /r",
    "fatal: detected dubious ownership in repository at '/r'; where you trust it: git config --global --add safe.directory /r",
  ],
  ["killed", "killed"],
])("of what git says in %j the reason is told", (stderr, reason) => {
  expect(reasonOf(stderr)).toBe(reason);
});
