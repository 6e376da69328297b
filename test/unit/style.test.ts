import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

/** The house rules that no linter knows. */

const root = path.resolve(import.meta.dirname, "../..");
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root })
  .toString("utf8")
  .split("\n")
  .filter(
    (file) => /\.(ts|mjs)$/.test(file) && !file.startsWith("test/fixtures/") && existsSync(path.join(root, file)),
  );

test("a file is named for one thing, not for a bag of things", () => {
  expect(files.filter((file) => /(^|[/-])(utils?|helpers?|manager|common|misc)([./-]|$)/.test(file))).toEqual([]);
});

test("nothing is left for later in the code", () => {
  const marks = new RegExp(["TO" + "DO", "FIX" + "ME", "HA" + "CK"].map((mark) => `\\b${mark}\\b`).join("|"));
  expect(files.filter((file) => marks.test(readFileSync(path.join(root, file), "utf8")))).toEqual([]);
});

test("the compiler and the linter are silenced only with a reason", () => {
  const silencers = new RegExp(
    [
      "@ts-" + "(?:ignore|nocheck)",
      "@ts-" + "expect-error(?!: \\S)",
      "biome-" + "ignore(?:-all|-start|-end|(?!-))(?! [\\w/]+: \\S)",
    ].join("|"),
  );
  expect(silencers.test(`// biome-${"ignore"} lint/style/noEnum`)).toBe(true);
  expect(silencers.test(`// biome-${"ignore"} lint/style/noEnum: the wire format has one`)).toBe(false);
  expect(files.filter((file) => silencers.test(readFileSync(path.join(root, file), "utf8")))).toEqual([]);
});
