import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

/** What `npm run deploy:local` says where it cannot do its work. The work itself is a part of .ci/run. */

const MAIN = fileURLToPath(new URL("../../localstack/deploy-local/main.ts", import.meta.url));
let temp: string;
beforeAll(() => {
  temp = mkdtempSync(join(tmpdir(), "baton-no-python-"));
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

function deployLocal(...args: string[]) {
  const env = { PATH: temp, HOME: temp, TMPDIR: temp };
  return spawnSync(process.execPath, [MAIN, ...args], { cwd: temp, env, encoding: "utf8" });
}

test("without Python it says so in one line, ends with 2 and leaves nothing", () => {
  const { status, stdout } = deployLocal();
  expect(status).toBe(2);
  expect(stdout).toMatch(/^Baton cannot be deployed here: it needs python3, and there is none here .*ENOENT/m);
  expect(readdirSync(temp)).toEqual([]);
});

test("an unknown option is answered with the usage", () => {
  const { status, stderr } = deployLocal("--kep");
  expect([status, stderr]).toEqual([2, expect.stringContaining("Unknown option '--kep'")]);
  expect(stderr).toContain("Usage: npm run deploy:local");
});
