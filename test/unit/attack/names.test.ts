import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { malformed } from "../../attack/command.ts";
import { lostOf, readTree, writeTree } from "../../attack/trees.ts";

/** The oracle of the attack's scenarios around files and outputs: what is planted must be found. */

test("a file that is gone, or not what it was, is found by its bytes", () => {
  const folder = mkdtempSync(join(tmpdir(), "baton-trees-"));
  try {
    const names = [Buffer.from("a\nb"), Buffer.from("caf\xe9", "latin1"), Buffer.from("deep/x")];
    writeTree(folder, names);
    const before = readTree(folder);
    expect(lostOf(before, readTree(folder))).toEqual([]);
    rmSync(join(folder, "a\nb"));
    writeFileSync(join(folder, "deep/x"), "other");
    expect(lostOf(before, readTree(folder)).sort()).toEqual(['"a\\nb" is gone', '"deep/x" is not what it was']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  ["a\tline\n", "", false, 0],
  ["\u001b[31mred\n", "", false, 1],
  ["turned \u202e\n", "", false, 1],
  ["", "lost \ufffd\n", false, 1],
  ['{"name": "\u202e"}', "", true, 0],
  ['{"name": "\n"}', "", true, 1],
] as const)("output %j with errors %j, as JSON %s, has %i faults", (stdout, stderr, json, count) => {
  expect(malformed("it", { stdout, stderr }, json)).toHaveLength(count);
});
