import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letLive, spawnGuardedGroup } from "../../localstack/deploy-local/guarded-group.ts";
import { eventually } from "../support/eventually.ts";
import { processTree } from "../support/process-tree.ts";
import { isAlive } from "../support/processes.ts";

/** What `npm run deploy:local` does where it cannot do its work, or is killed at it. The work itself is a part of .ci/run. */

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

test("the server and its children end with us, unless they are let live", async () => {
  const log = openSync(join(temp, "log"), "w");
  const command = ["/bin/sh", "-c", "sleep 300 & sleep 300 & wait"];
  const start = async () => {
    const child = spawnGuardedGroup(command, { cwd: temp, env: { PATH: "/usr/bin:/bin" }, log });
    const group = await eventually("both sleep", () => {
      const all = processTree(child.pid ?? 0);
      const sleepers = all.filter(({ command }) => command.startsWith("sleep")).map(({ pid }) => pid);
      return sleepers.length === 2 && { all: all.map(({ pid }) => pid), sleepers };
    });
    return { child, ...group };
  };
  const [ended, kept] = [await start(), await start()];
  // What the end of this process does.
  ended.child.stdin?.destroy();
  await eventually("all of the group end", () => !ended.all.some(isAlive));
  letLive(kept.child);
  await eventually("the guard goes home", () => kept.child.stdin?.destroyed);
  expect(kept.sleepers.map(isAlive)).toEqual([true, true]);
  process.kill(-(kept.child.pid ?? 0), "SIGKILL");
  closeSync(log);
  rmSync(join(temp, "log"));
});

test("an unknown option is answered with the usage", () => {
  const { status, stderr } = deployLocal("--kep");
  expect([status, stderr]).toEqual([2, expect.stringContaining("Unknown option '--kep'")]);
  expect(stderr).toContain("Usage: npm run deploy:local");
});
