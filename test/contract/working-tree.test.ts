import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CopiedTree, filesOf, makeCopiedTree, stateOf } from "../support/copied-tree.ts";

/** What a job's workspace holds is what the working tree holds, byte for byte; real git on real folders. */

let tree: CopiedTree;
beforeEach(() => {
  tree = makeCopiedTree();
});
afterEach(() => tree.remove());

/** A program that leaves a trace wherever it is run, and changes what it is given. */
function trap(name: string): string {
  const path = join(tree.folder, `trap-${name}`);
  writeFileSync(path, `#!/bin/sh\necho ${name} >> '${join(tree.folder, "sprung")}'\ntr a-z n-za-m\n`, { mode: 0o755 });
  return path;
}

const sprung = () => (existsSync(join(tree.folder, "sprung")) ? readFileSync(join(tree.folder, "sprung"), "utf8") : "");

describe("case L4: files that git converts", () => {
  test("case L4: a filter's file is what the tree holds, changed or not, and no filter runs", async () => {
    tree.git(["init", "-q", "-b", "trunk"]);
    for (const which of ["clean", "smudge"]) tree.git(["config", `filter.rot.${which}`, "tr a-z n-za-m"]);
    tree.commit({ ".gitattributes": "*.rot filter=rot\n", "a.rot": "plain\n", "b.rot": "other\n", "c.txt": "c\n" });
    expect(tree.git(["show", "HEAD:a.rot"])).toBe("cynva");
    for (const which of ["clean", "smudge"]) tree.git(["config", `filter.rot.${which}`, trap(which)]);
    tree.git(["config", "filter.rot.process", trap("process")]);
    tree.git(["config", "filter.rot.required", "true"]);
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
    tree.write({ "b.rot": "changed\n", "new.rot": "new\n" });
    utimesSync(join(tree.project, "c.txt"), new Date(1_000), new Date(1_000));
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
    expect(sprung()).toBe("");
  });

  test("case L4: a large file is its content where the tree holds it, its pointer where not", async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"a".repeat(64)}\nsize 3\n`;
    tree.git(["init", "-q", "-b", "trunk"]);
    tree.write({ pointer: pointer });
    tree.git(["config", "filter.lfs.clean", `cat '${join(tree.project, "pointer")}' #`]);
    tree.commit({
      ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
      "big.bin": "big",
      "there.bin": pointer,
    });
    expect(tree.git(["show", "HEAD:big.bin"])).toBe(pointer.trim());
    tree.git(["config", "filter.lfs.clean", trap("clean")]);
    const { files } = await tree.copy();
    expect(files).toEqual(filesOf(tree.project));
    expect([files["big.bin"], files["there.bin"]]).toEqual(["big", pointer]);
    expect(sprung()).toBe("");
  });

  test.each([
    ["text eol=crlf", "one\r\ntwo\r\n"],
    ["text=auto", "one\r\ntwo\r\n"],
    ["text eol=lf", "one\r\ntwo\r\n"],
    ["text", "one\r\ntwo\n"],
    ["crlf", "one\r\ntwo\n"],
    ["ident", "$Id: somebody's own $\n"],
    ["working-tree-encoding=UTF-16", Buffer.from("\ufeffone\n", "utf16le")],
    ["text working-tree-encoding=UTF-16LE eol=crlf", Buffer.from("one\r\n", "utf16le")],
  ])("case L4: with the attribute %s the bytes stay", async (attribute, text) => {
    tree.commit({ ".gitattributes": `*.x ${attribute}\n`, "kept.x": text, "plain.txt": "p\n" });
    tree.write({ "new.x": text });
    const { files, into } = await tree.copy();
    expect(files).toEqual(filesOf(tree.project));
    expect(tree.git(["status", "--porcelain"], into)).toBe("");
    rmSync(join(tree.project, "kept.x"));
    tree.git(["checkout", "-q", "kept.x"]);
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
  });

  test.each(["info/attributes", "core.attributesFile", "core.autocrlf"])(
    "case L4: so they do where %s says to convert",
    async (where) => {
      tree.git(["init", "-q", "-b", "trunk"]);
      tree.write({ ".git/info/attributes": where === "info/attributes" ? "*.x text eol=crlf\n" : "" });
      writeFileSync(join(tree.folder, "attributes"), "*.x text eol=crlf\n");
      if (where === "core.attributesFile") tree.git(["config", where, join(tree.folder, "attributes")]);
      if (where === "core.autocrlf") tree.git(["config", where, "input"]);
      tree.commit({ "a.x": "one\r\ntwo\r\n" });
      expect(tree.git(["cat-file", "-s", "HEAD:a.x"])).toBe("8");
      expect((await tree.copy()).files).toEqual({ "a.x": "one\r\ntwo\r\n" });
    },
  );

  test("case L4: attributes of archives change nothing", async () => {
    tree.commit({
      ".gitattributes": "gone.txt export-ignore\nsubst.txt export-subst\n",
      "gone.txt": "g",
      "subst.txt": "$Format:%H$",
    });
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
  });

  test("case L4: nor do attributes that the runner's user keeps for himself", async () => {
    tree.commit({ "a.txt": "one\ntwo\n" });
    tree.write({ ".config/git/attributes": "* text eol=crlf\n" }, join(tree.folder, "home"));
    expect((await tree.copy()).files).toEqual({ "a.txt": "one\ntwo\n" });
  });
});

describe("case L4: what git was told not to look at", () => {
  test("case L4: edits under --skip-worktree and --assume-unchanged, deletions too, are in it", async () => {
    tree.commit({
      "skip.txt": "old",
      "assume.txt": "old",
      "skip-gone.txt": "x",
      "assume-gone.txt": "x",
      "same.txt": "s",
    });
    tree.git(["update-index", "--skip-worktree", "skip.txt", "skip-gone.txt"]);
    tree.git(["update-index", "--assume-unchanged", "assume.txt", "assume-gone.txt", "same.txt"]);
    tree.write({ "skip.txt": "edited", "assume.txt": "edited" });
    for (const name of ["skip-gone.txt", "assume-gone.txt"]) rmSync(join(tree.project, name));
    const { files } = await tree.copy();
    expect(files).toEqual({ "skip.txt": "edited", "assume.txt": "edited", "same.txt": "s" });
  });

  test("case L4: files that are intended to be added, empty ones, modes and links are as they are", async () => {
    tree.git(["init", "-q", "-b", "trunk"]);
    tree.git(["config", "core.fileMode", "false"]);
    tree.commit({ "was-x": "1", "now-x": "2", "to-link": "3", "to-folder": "4", "dir/a": "5", gone: "6" });
    tree.write({ intended: "later", "intended-gone": "x", empty: "" });
    tree.git(["add", "-N", "intended", "intended-gone"]);
    chmodSync(join(tree.project, "now-x"), 0o755);
    for (const name of ["to-link", "to-folder", "gone", "intended-gone"]) rmSync(join(tree.project, name));
    symlinkSync("nowhere\\\n'", join(tree.project, "to-link"));
    tree.write({ "to-folder/in": "7" });
    renameSync(join(tree.project, "dir"), join(tree.project, "moved"));
    symlinkSync("moved", join(tree.project, "dir"));
    const odd = Buffer.concat([Buffer.from(`${tree.project}/`), Buffer.from([0x22, 0x0a, 0xff, 0x5c])]);
    writeFileSync(odd, "odd");
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
  });
});

describe("case L4: repositories within the tree", () => {
  const library = () => join(tree.folder, "library");

  function withSubmodules(): void {
    const deep = join(tree.folder, "deep");
    tree.commit({ "deep.txt": "deep" }, deep);
    tree.commit({ "lib.txt": "lib", ".gitignore": "*.o\n" }, library());
    tree.git(["submodule", "add", "-q", deep, "nested/deep"], library());
    tree.git(["commit", "-qm", "second"], library());
    tree.commit({ "a.txt": "a" });
    tree.git(["submodule", "add", "-q", library(), "vendor/lib"]);
    tree.git(["submodule", "update", "-q", "--init", "--recursive"]);
    tree.git(["commit", "-qm", "third"]);
  }

  test("case L4: submodules, nested ones too, are in it with their uncommitted edits", async () => {
    withSubmodules();
    tree.write({ "vendor/lib/lib.txt": "edited", "vendor/lib/new.txt": "new", "vendor/lib/x.o": "ignored" });
    tree.write({ "vendor/lib/nested/deep/deep.txt": "edited, too" });
    const { "vendor/lib/x.o": ignored, ...expected } = filesOf(tree.project);
    expect(ignored).toBe("ignored");
    const { files, warnings, into } = await tree.copy();
    expect(files).toEqual(expected);
    expect(warnings).toEqual([]);
    expect(tree.git(["status", "--porcelain"], into)).toBe("");
  });

  test("case L4: their filters do not run, and what they hide is seen", async () => {
    withSubmodules();
    const lib = join(tree.project, "vendor/lib");
    tree.git(["config", "filter.x.clean", trap("clean")], lib);
    tree.git(["config", "core.fsmonitor", trap("fsmonitor")], lib);
    tree.write({ "vendor/lib/.gitattributes": "* filter=x\n", "vendor/lib/lib.txt": "hidden edit" });
    tree.git(["update-index", "--skip-worktree", ".gitignore"], lib);
    tree.write({ "vendor/lib/.gitignore": "" });
    rmSync(join(tree.folder, "sprung"), { force: true });
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
    expect(sprung()).toBe("");
  });

  test("case L4: submodules that are not checked out are named, with the command that does it", async () => {
    withSubmodules();
    tree.git(["submodule", "deinit", "-q", "-f", "vendor/lib"]);
    const { files, warnings, into } = await tree.copy();
    expect(files).toEqual(filesOf(tree.project));
    expect(existsSync(join(into, "vendor/lib"))).toBe(true);
    expect(warnings).toEqual([
      "submodules that are not checked out, and are empty folders in the jobs: vendor/lib; `git submodule update --init --recursive` brings them",
    ]);
    rmSync(join(tree.project, "vendor"), { recursive: true });
    expect((await tree.copy()).warnings).toEqual([]);
  });

  test("case L4: a submodule's files without its repository, or in its place a file, are taken as they lie there", async () => {
    withSubmodules();
    rmSync(join(tree.project, "vendor/lib/.git"));
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
    rmSync(join(tree.project, "vendor/lib"), { recursive: true });
    tree.write({ "vendor/lib": "a file" });
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
  });

  test("case L4: repositories that are no submodules are in it, and that is said", async () => {
    tree.commit({ "a.txt": "a" });
    tree.commit({ "in.txt": "in", ".gitignore": "*.o" }, join(tree.project, "inner"));
    tree.write({ "inner/new.txt": "new" });
    tree.git(["worktree", "add", "-q", "--detach", "other"]);
    mkdirSync(join(tree.project, "born"));
    tree.git(["init", "-q"], join(tree.project, "born"));
    tree.write({ "born/b": "b" });
    const { files, warnings } = await tree.copy();
    expect(files).toEqual(filesOf(tree.project));
    expect(warnings).toEqual([
      "repositories of their own: their files are in the jobs, their history is not: born, inner, other",
    ]);
  });

  test("case L4: of many names the first are told", async () => {
    tree.commit({ "a.txt": "a" });
    for (let at = 10; at < 30; at += 1) tree.commit({ x: "x" }, join(tree.project, `r${at}-${"n".repeat(200)}`));
    const { warnings } = await tree.copy();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/ and 15 more$/);
    expect(warnings[0]?.length).toBeLessThan(900);
  }, 60_000);
});

describe("case L20: what is Baton's own, or its secret, is in no snapshot", () => {
  const own = (paths: { folders?: string[]; files?: string[] }) => ({
    folders: (paths.folders ?? []).map((path) => join(tree.project, path)),
    files: (paths.files ?? []).map((path) => join(tree.project, path)),
  });

  test("case L20: a run's own folder and others', state folders and a runner's, wherever they lie", async () => {
    tree.commit({ "a.txt": "a", "tmp/kept.txt": "k", lock: "the user's own", "x/lock": "so", "x/token": "are these" });
    tree.write({
      "tmp/baton-run-abc123/lock": "",
      "tmp/baton-run-abc123/state/token": "secret",
      "tmp/baton-run-abc123/anything": "secret",
      "tmp/baton-run-kept00/state/signing-key": "secret",
      "tmp/baton-run-kept00/runner.log": "log",
      "tmp/baton-run-user/notes": "the user's own",
      "deep/er/state/lock": "",
      "deep/er/state/stack.json": "{}",
      "deep/er/state/signing-key": "secret",
      "work/runner-Ab12Cd/lock": "",
      "work/runner-Ab12Cd/w/f": "secret",
      "mine/x": "secret",
      "minecraft/x": "the user's own",
    });
    tree.commit({ in: "secret" }, join(tree.project, "work/runner-Ab12Cd/w/1"));
    const { files, warnings } = await tree.copy(tree.project, own({ folders: ["mine", "none"] }));
    expect(Object.keys(files).sort()).toEqual([
      ...["a.txt", "lock", "minecraft/x", "tmp/baton-run-user/notes", "tmp/kept.txt", "x/lock", "x/token"],
    ]);
    expect(warnings).toEqual([]);
  });

  test("case L20: by real path, in submodules too; a secrets file is named, and what git tracks is", async () => {
    tree.commit({ s: "secret", kept: "k" }, join(tree.folder, "library"));
    tree.commit({ "conf/config.yml": "token: x", "a.txt": "a" });
    tree.git(["submodule", "add", "-q", join(tree.folder, "library"), "sub"]);
    tree.write({ "secrets.env": "K=v", "sub/new.env": "K=v" });
    symlinkSync("secrets.env", join(tree.project, "link.env"));
    symlinkSync("sub", join(tree.project, "linked"));
    const { files, warnings } = await tree.copy(
      tree.project,
      own({ folders: ["conf"], files: ["link.env", "linked/s", "sub/new.env"] }),
    );
    expect(Object.keys(files).sort()).toEqual([".gitmodules", "a.txt", "link.env", "linked", "sub/kept"]);
    expect(warnings).toEqual([
      "not in the jobs, though git tracks them: Baton's own files, or its secrets: conf/config.yml, sub/s",
      "not in the jobs: the file of --secrets-file: secrets.env, sub/new.env",
    ]);
  });
});

describe("case L15: clones that have not everything", () => {
  const origin = () => join(tree.folder, "origin");
  const clone = (...options: string[]) =>
    tree.git(["clone", "-q", ...options, `file://${origin()}`, tree.project], tree.folder);

  beforeEach(() => {
    rmSync(tree.project, { recursive: true });
    tree.commit({ "a.txt": "a", "in/b.txt": "b", "out/c.txt": "c", "out/deep/d.txt": "d" }, origin());
    tree.git(["config", "uploadpack.allowFilter", "true"], origin());
    tree.write({ "a.txt": "a2", "out/c.txt": "c2", "in/b.txt": "b2" }, origin());
    tree.git(["commit", "-qam", "second"], origin());
  });

  const filters = [["--filter=blob:none"], ["--filter=tree:0"], ["--depth=1"], ["--depth=1", "--filter=blob:none"]];

  test.each(filters)(
    "case L15: a clone with %s is run as it is, changed or not, and nothing is fetched",
    async (...how) => {
      clone(...how);
      tree.git(["remote", "set-url", "origin", "/nowhere"]);
      tree.git(["config", "remote.origin.uploadpack", trap("upload-pack")]);
      const { files, into, warnings } = await tree.copy();
      expect({ files, warnings }).toEqual({ files: filesOf(tree.project), warnings: [] });
      expect(tree.git(["fsck", "--strict"], into)).toBe("");
      tree.write({ "a.txt": "changed", "new/n.txt": "n" });
      expect((await tree.copy()).files).toEqual(filesOf(tree.project));
      expect(sprung()).toBe("");
    },
  );

  test.each([
    ["without a filter", []],
    ["blob:none", ["--filter=blob:none"]],
    ["tree:0", ["--filter=tree:0"]],
  ])("case L15: a sparse checkout, %s, is run as it is, and what is outside is named", async (_, how) => {
    for (const index of [["--no-sparse-index"], ["--sparse-index"]]) {
      rmSync(tree.project, { recursive: true, force: true });
      clone("--no-checkout", ...how);
      tree.git(["sparse-checkout", "set", "--cone", ...index, "in"]);
      tree.git(["checkout", "-q", "trunk"]);
      tree.git(["remote", "set-url", "origin", "/nowhere"]);
      expect(existsSync(join(tree.project, "out"))).toBe(false);
      const { files, warnings } = await tree.copy();
      expect(files).toEqual({ "a.txt": "a2", "in/b.txt": "b2" });
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(
        /^outside of the sparse checkout, and not in the jobs: out\/.*; `git sparse-checkout disable` brings them$/,
      );
      tree.write({ "in/new.txt": "n", "out/made.txt": "m", "in/b.txt": "edited" });
      expect((await tree.copy()).files).toEqual(filesOf(tree.project));
    }
  });

  test("case L15: an object that git lacks is made of the file that is there", async () => {
    clone("--filter=blob:none");
    const id = tree.git(["rev-parse", "HEAD:a.txt"]);
    tree.git(["remote", "set-url", "origin", "/nowhere"]);
    const packs = join(tree.project, ".git/objects/pack");
    const kept = tree.git(["rev-list", "--objects", "--missing=allow-any", "HEAD"]).split("\n");
    const ids = kept.map((line) => line.slice(0, 40)).filter((one) => one !== id);
    execFileSync("git", ["pack-objects", "-q", join(packs, "pack")], {
      cwd: tree.project,
      env: tree.env,
      input: ids.join("\n"),
    });
    for (const name of readdirSync(packs)) {
      const of = name.replace(/\.[a-z]+$/, "");
      if (existsSync(join(packs, `${of}.promisor`))) rmSync(join(packs, name));
    }
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
  });

  test("case L15: what a clone borrowed from is gone: it is run as it lies there, without what is missing of its history", async () => {
    tree.git(["clone", "-q", "--shared", origin(), tree.project], tree.folder);
    tree.write({ "a.txt": "edited" });
    const lost = join(origin(), ".git/objects");
    const head = tree.git(["rev-parse", "HEAD"]);
    const first = tree.git(["rev-parse", "HEAD~1"]);
    rmSync(join(lost, first.slice(0, 2), first.slice(2)));
    const holed = await tree.copy();
    expect(holed.files).toEqual(filesOf(tree.project));
    expect(tree.git(["log", "--format=%s"], holed.into)).toBe("The working tree as it is");
    rmSync(lost, { recursive: true });
    expect(() => tree.git(["log", head])).toThrow();
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
  });

  test("case L15: a worktree, a clone that shares, and one whose alternates are relative and of alternates", async () => {
    tree.git(["worktree", "add", "-q", "--detach", join(tree.folder, "side")], origin());
    tree.write({ "a.txt": "side" }, join(tree.folder, "side"));
    expect((await tree.copy(join(tree.folder, "side"))).files).toEqual(filesOf(join(tree.folder, "side")));
    tree.git(["clone", "-q", "--shared", origin(), tree.project], tree.folder);
    expect((await tree.copy()).files).toEqual(filesOf(tree.project));
    const again = join(tree.folder, "again");
    tree.git(["clone", "-q", "--shared", tree.project, again], tree.folder);
    writeFileSync(join(again, ".git/objects/info/alternates"), "../../../project/.git/objects\n");
    tree.write({ "a.txt": "again" }, again);
    const { files, into } = await tree.copy(again);
    expect(files).toEqual(filesOf(again));
    expect(tree.git(["log", "--format=%s"], into)).toBe("The working tree as it is\nsecond\nfirst");
  });
});

test("case L4: what is no file, and what git has no place for, is named", async () => {
  tree.commit({ pipe: "was a file", "a.txt": "a" });
  rmSync(join(tree.project, "pipe"));
  execFileSync("mkfifo", [join(tree.project, "pipe")]);
  tree.write({ "b/.GIT": "odd" });
  symlinkSync("a.txt", join(tree.project, ".gitmodules"));
  const { files, warnings } = await tree.copy();
  expect(files).toEqual({ "a.txt": "a" });
  expect([...warnings].sort()).toEqual([
    "not in the jobs, since git has no place for such names: .gitmodules, b/.GIT",
    "not in the jobs, since they are no files: sockets, pipes, devices: pipe",
  ]);
});

test("case L4: the project's .git is as it was, to the time of each file, and nothing that it names has run", async () => {
  tree.commit({ ".gitattributes": "*.x filter=x diff=x merge=x\n", "a.x": "a", "b.txt": "b", "c/d.txt": "d" });
  tree.git(["gc", "-q"]);
  tree.write({ "c/d.txt": "d2" });
  tree.git(["add", "."]);
  tree.git(["update-index", "--split-index"]);
  for (const hook of ["pre-commit", "post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"])
    writeFileSync(join(tree.project, ".git/hooks", hook), readFileSync(trap(hook)), { mode: 0o755 });
  for (const key of [
    ...["filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.x.textconv", "diff.x.command", "merge.x.driver"],
    ...[
      "core.fsmonitor",
      "core.pager",
      "core.editor",
      "core.sshCommand",
      "diff.external",
      "gpg.program",
      "core.askPass",
    ],
  ])
    tree.git(["config", key, trap(key)]);
  for (const [key, value] of [
    ["commit.gpgSign", "true"],
    ["gc.auto", "1"],
    ["log.showSignature", "true"],
  ])
    tree.git(["config", key ?? "", value ?? ""]);
  tree.write({ "a.x": "changed", "new.x": "new", "b.txt": "b" });
  for (const name of ["b.txt", "a.x"]) utimesSync(join(tree.project, name), new Date(5_000), new Date(5_000));
  const long = new Date(1_000_000_000_000);
  for (const name of Object.keys(stateOf(join(tree.project, ".git"))).filter((one) => one.startsWith("objects/")))
    utimesSync(join(tree.project, ".git", name), long, long);
  rmSync(join(tree.folder, "sprung"), { force: true });
  const before = stateOf(join(tree.project, ".git"));
  expect((await tree.copy()).files).toEqual(filesOf(tree.project));
  // Trees and files that the project has already: git would touch them where it finds them.
  tree.write({ "c/d.txt": "d", "e.txt": "b" });
  expect((await tree.copy()).files).toEqual(filesOf(tree.project));
  expect(stateOf(join(tree.project, ".git"))).toEqual(before);
  expect(sprung()).toBe("");
});
