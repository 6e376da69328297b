import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";

/** The last lines of `.ci/run`, by its own words on outputs that are made here. */

const script = readFileSync(resolve(import.meta.dirname, "../../.ci/run"), "utf8");
const between = (from: string, to: string) => script.slice(script.indexOf(from), script.indexOf(to));
const saying = between("plain() {", "\npart set-up ");
const ending = script.slice(script.indexOf("for name in "));
const output = mkdtempSync(join(tmpdir(), "baton-ci-ending-"));
afterAll(() => rmSync(output, { recursive: true }));

/** Longer than a pipe holds. */
const lines = (what: string) => Array.from({ length: 20_000 }, (_, at) => `${what} ${at + 1}`);

function lastLines(outputs: Readonly<Record<string, readonly string[]>>, ...failures: readonly string[]) {
  for (const [name, said] of Object.entries(outputs)) writeFileSync(join(output, name), `${said.join("\n")}\n`);
  const begin = `set -euo pipefail\noutput=$1; shift; failed=$(($# > 0)); failures=("$@")\n`;
  const { status, stdout } = spawnSync("bash", ["-c", begin + saying + ending, "bash", output, ...failures]);
  return { status, told: stdout.toString("utf8").split("\n").slice(0, -1) };
}

test("however much a part said, its end is told, and the tests' summary", () => {
  const check = lines("line");
  const { status, told } = lastLines({ check, tests: [...lines(" FAIL "), " Tests  1 failed"] }, "check", "tests");
  expect(status).toBe(1);
  expect(told).toEqual([
    "",
    "━━ check failed",
    ...check.slice(-8),
    "",
    "━━ tests failed",
    ...lines(" FAIL ").slice(0, 8),
    " Tests  1 failed",
  ]);
});

test("where nothing failed, or a part left no output, the summary is told too", () => {
  const tests = [" Tests  5 passed"];
  expect(lastLines({ tests })).toEqual({ status: 0, told: tests });
  expect(lastLines({ tests }, "gone")).toEqual({ status: 1, told: ["", "━━ gone failed", ...tests] });
});
