import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeTree } from "../../../shared/lib/remove-tree.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "baton-tree-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

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
