import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const page = readFileSync(path.join(root, "docs/TRUST.md"), "utf8");

test("no number of TRUST.md is typed by hand but exit codes, invariants and examples", () => {
  const typed = page
    .replace(/<!-- generated: [\s\S]*?<!-- end -->/g, "")
    .replace(/```[\s\S]*?```|`[^`]*`/g, "")
    .replace(/exits with 0 where[\s\S]*?unclear\.|\(?invariants? \d+(?:(?:,| and) \d+)*\)?/g, "");
  expect(typed.match(/\d+/g) ?? []).toEqual([]);
});

test("a result that says something else than TRUST.md is found", () => {
  const copy = mkdtempSync(path.join(tmpdir(), "baton-trust-"));
  for (const folder of ["docs", "shared", "cli", "runner", "test/attack", "test/bench", "test/mutation"])
    cpSync(path.join(root, folder), path.join(copy, folder), { recursive: true });
  cpSync(path.join(root, "package.json"), path.join(copy, "package.json"));
  symlinkSync(path.join(root, "node_modules"), path.join(copy, "node_modules"));
  const check = () => {
    try {
      return execFileSync(process.execPath, ["docs/print.ts", "--check"], { cwd: copy, encoding: "utf8" });
    } catch (error) {
      return error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
    }
  };
  execFileSync(process.execPath, ["docs/print.ts"], { cwd: copy });
  expect(check()).toBe("");
  const file = path.join(copy, "docs/results/conformance.json");
  writeFileSync(file, readFileSync(file, "utf8").replace('"verdict": "holds"', '"verdict": "broken"'));
  expect(check()).toContain("docs/TRUST.md differs");
  rmSync(copy, { recursive: true });
});
