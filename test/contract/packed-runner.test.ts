import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

/** How a host starts the packed runner: runner/pack/baton-runner. */

const SCRIPT = fileURLToPath(new URL("../../runner/pack/baton-runner", import.meta.url));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "baton-packed-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(node: string) {
  const { status, stdout, stderr } = spawnSync("/bin/sh", [SCRIPT, "--help"], {
    env: { PATH: "/usr/bin:/bin", NODE: node },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

function nodeOf(version: string): string {
  const file = join(folder, version);
  writeFileSync(file, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || echo "started with $*"\n`, {
    mode: 0o755,
  });
  return file;
}

test.each(["v24.0.0", "v26.1.2"])("%s starts the runner with its arguments", (version) => {
  const { status, stdout } = start(nodeOf(version));
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^started with .*\/main\.mjs --help\n$/)]);
});

test("an older Node, or none, is said in one line", () => {
  const old = nodeOf("v22.9.0");
  const needs = "baton-runner: needs Node 24 or newer, on the PATH or named by NODE;";
  expect(start(old)).toEqual({ status: 2, stdout: "", stderr: `${needs} ${old} is v22.9.0\n` });
  expect(start("/no/node")).toEqual({ status: 2, stdout: "", stderr: `${needs} /no/node is not there\n` });
});
