import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeLeft, removeTree, removeTreeNow } from "../../../shared/lib/remove-tree.ts";

let folder: string;
beforeEach(() => {
  // In memory where there is such a place: tens of thousands of folders are slow on a busy disk.
  folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "baton-tree-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const NOTHING = { left: [], leftCount: 0 };

/** Runs a script as root of a mount namespace of its own, so that what it mounts is gone with it. */
function inMountNamespace(script: string): string {
  const own = process.geteuid?.() === 0 ? ["-m"] : ["-Urm"];
  return execFileSync("unshare", [...own, "sh", "-ec", script], { cwd: folder, encoding: "utf8" });
}

const LIB = join(import.meta.dirname, "../../../shared/lib");
const removeBy = (first: string) => `${process.execPath} -e 'import(process.argv[1]).then(async ({ removeTree }) => {
  ${first} console.log(JSON.stringify(await removeTree(process.argv[2]))); })' ${LIB}/remove-tree.ts`;
const REMOVE = removeBy("");

test("a tree whose paths are longer than the kernel takes is removed", async () => {
  const tree = join(folder, "deep");
  mkdirSync(tree);
  const dive = "i=0; while [ $i -lt 600 ]; do mkdir abcdefghij; cd -P abcdefghij; i=$((i+1)); done";
  execFileSync("sh", ["-ec", dive], { cwd: tree });
  await removeTree(tree);
  expect(existsSync(tree)).toBe(false);
});

test("folders that may not be written, as Go's module cache has them, are removed; what links lead to stays", async () => {
  const tree = join(folder, "-rf locked");
  mkdirSync(join(tree, "inner"), { recursive: true });
  writeFileSync(join(tree, "inner", "file"), "");
  mkdirSync(join(folder, "kept"));
  writeFileSync(join(folder, "kept", "file"), "");
  symlinkSync("../kept", join(tree, "link"));
  chmodSync(join(tree, "inner"), 0o500);
  chmodSync(tree, 0o500);
  await removeTree(tree);
  expect(existsSync(tree)).toBe(false);
  expect(existsSync(join(folder, "kept", "file"))).toBe(true);
});

test("what is not there is removed already", async () => {
  await removeTree(join(folder, "nothing"));
});

test.for([
  ["a bind mount of the same file system", "mkdir -p tree/a/r; mount --bind kept tree/a/r", "tree/a/r"],
  ["a bind mount of a file", "mkdir -p tree/a; touch tree/a/r; mount --bind kept/file tree/a/r", "tree/a/r"],
  [
    "a tmpfs",
    "mkdir -p tree/a/r; mount -t tmpfs none tree/a/r; touch tree/a/r/file; mount --bind tree/a/r kept",
    "tree/a/r",
  ],
  [
    "a read-only mount",
    "mkdir -p tree/a/r; mount --bind -o ro kept tree/a/r; mount -o remount,bind,ro tree/a/r",
    "tree/a/r",
  ],
  [
    "an overlay",
    "mkdir -p tree/a/r u w; mount -t tmpfs none w; mkdir w/u w/w; mount -t overlay -o lowerdir=kept,upperdir=w/u,workdir=w/w none tree/a/r; mount --bind tree/a/r kept",
    "tree/a/r",
  ],
  ["a mount on the tree itself", "mkdir tree; mount --bind kept tree", "tree"],
] as const)("case L1: %s is not entered, and what is left is told with why", async ([, script, left]) => {
  mkdirSync(join(folder, "kept"));
  writeFileSync(join(folder, "kept", "file"), "");
  const said = inMountNamespace(`${script}
    for i in 1 2 3; do mkdir -p tree/other/$i 2>/dev/null && touch tree/other/$i/file; done
    ${left === "tree" ? "rm -r kept/other" : ""}
    ${REMOVE} "$PWD/tree"; test -f kept/file`);
  const path = join(folder, left);
  expect(JSON.parse(said)).toEqual({
    again: false,
    left: [{ path, why: expect.stringContaining("mounted there") }],
    leftCount: 1,
  });
  expect(existsSync(join(folder, "kept", "file"))).toBe(true);
  expect(existsSync(join(folder, "tree/other"))).toBe(false);
});

test("case L1: a tree is reached below the folder that was held, whatever has been mounted over that", () => {
  mkdirSync(join(folder, "kept/tree"), { recursive: true });
  writeFileSync(join(folder, "kept/tree/file"), "");
  const script = `
    import { execFileSync } from "node:child_process";
    import { pinFolder } from "${LIB}/pinned-folder.ts";
    import { removeTree } from "${LIB}/remove-tree.ts";
    const above = pinFolder("work");
    execFileSync("mount", ["--bind", "kept", "work"]);
    console.log(JSON.stringify(await removeTree(process.cwd() + "/work/tree", { above })));`;
  writeFileSync(join(folder, "script.mjs"), script);
  const said = inMountNamespace(`mkdir -p work/tree; touch work/tree/own; ${process.execPath} script.mjs`);
  expect(JSON.parse(said)).toMatchObject(NOTHING);
  expect(existsSync(join(folder, "kept/tree/file"))).toBe(true);
  expect(existsSync(join(folder, "work/tree"))).toBe(false);
});

test("case L1: a link that takes the place of a folder is not followed, and names of any bytes go", async () => {
  const tree = join(folder, "tree");
  mkdirSync(join(folder, "kept"));
  writeFileSync(join(folder, "kept", "file"), "");
  mkdirSync(tree);
  symlinkSync("../kept", join(tree, "link"));
  for (const name of [
    Buffer.from([0xff, 0xfe]),
    Buffer.from("new\nline"),
    Buffer.from("\u00e4 \u200f"),
    Buffer.from("-rf"),
  ])
    mkdirSync(Buffer.concat([Buffer.from(`${tree}/`), name]));
  expect(await removeTree(tree)).toMatchObject(NOTHING);
  expect(existsSync(join(folder, "kept", "file"))).toBe(true);

  symlinkSync("kept", join(folder, "root-link"));
  expect(await removeTree(join(folder, "root-link"))).toMatchObject(NOTHING);
  expect(readdirSync(folder)).toEqual(["kept"]);
});

test("case L1: thousands of levels deep and tens of thousands of entries wide are removed with few descriptors", async () => {
  const tree = join(folder, "tree");
  mkdirSync(tree);
  const make = `
import os
os.chdir("deep")
for i in range(3000):
    os.mkdir("d"); os.chdir("d")
os.chdir(${JSON.stringify(tree)})
os.mkdir("wide"); os.chdir("wide")
for i in range(20000): os.close(os.open(f"f{i}", os.O_CREAT))
os.chdir(".."); os.mkdir("folders"); os.chdir("folders")
for i in range(2500): os.mkdir(f"d{i}")`;
  mkdirSync(join(tree, "deep"));
  execFileSync("python3", ["-c", make], { cwd: tree });
  const said = execFileSync("sh", ["-c", `ulimit -n 40; ${REMOVE} "$PWD/tree"`], { cwd: folder, encoding: "utf8" });
  expect(JSON.parse(said)).toMatchObject(NOTHING);
  expect(existsSync(tree)).toBe(false);
});

test("case L1: a removal ends when it is interrupted, or takes too long, and says so", async () => {
  const tree = join(folder, "tree");
  mkdirSync(tree);
  for (let index = 0; index < 500; index += 1) writeFileSync(join(tree, String(index)), "");
  expect(await removeTree(tree, { signal: AbortSignal.abort() })).toMatchObject({
    left: [{ path: tree, why: "it was interrupted" }],
  });
  expect(removeTreeNow(tree, { withinMs: -1 })).toMatchObject({ left: [{ path: tree, why: /takes longer/ }] });
  expect(removeTreeNow(tree)).toMatchObject(NOTHING);
  expect(existsSync(tree)).toBe(false);
});

test("case L1: what cannot be removed costs a bounded number of tries, however deep it is", async () => {
  const tree = join(folder, "tree");
  const deep = join(tree, ...Array.from({ length: 40 }, (_, index) => `d${index}`));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, "file"), "");
  spawnSync("chattr", ["+i", join(deep, "file")]);
  try {
    const removal = await removeTree(tree);
    expect(removal.left).toEqual([{ path: join(deep, "file"), why: expect.stringContaining("immutable") }]);
    expect(describeLeft(removal)).toContain(`left behind: ${join(deep, "file")} (the system refuses it`);
  } finally {
    spawnSync("chattr", ["-i", join(deep, "file")]);
  }
});

test("a tree is named from the working folder on, too; the folder itself, the one above and the root are no trees", async () => {
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "below"), { recursive: true });
  expect(await removeTree(relative(process.cwd(), join(tree, "below")))).toMatchObject(NOTHING);
  expect(readdirSync(tree)).toEqual([]);
  for (const path of ["", ".", "..", "/", `${tree}/.`, `${tree}/..`])
    await expect(removeTree(path)).rejects.toThrow("not the path of a tree to remove");
  expect(readdirSync(folder)).toEqual(["tree"]);
});

test("case L12: a folder of another user stays, and its owner is told", () => {
  if (process.geteuid?.() !== 0) return;
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "theirs"), { recursive: true });
  mkdirSync(join(tree, "ours"));
  mkdirSync(join(tree, "empty"), { mode: 0o700 });
  writeFileSync(join(tree, "theirs", "file"), "");
  chmodSync(join(tree, "theirs"), 0o700);
  execFileSync("chown", ["65534", folder, tree, join(tree, "ours")]);
  // The program is loaded by root, for another user may not reach the folder that it lies in.
  const asOwner = "process.setgroups([]); process.setuid(65534);";
  const said = execFileSync("sh", ["-c", `${removeBy(asOwner)} "${tree}"`], { encoding: "utf8" });
  expect(JSON.parse(said)).toMatchObject({
    left: [{ path: join(tree, "theirs"), why: "it belongs to user 0" }],
    leftCount: 1,
  });
  expect(readdirSync(tree)).toEqual(["theirs"]);
});
