import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { baton, makePlace, type Place } from "./cli-process.ts";

/** Files that people give, as they are. */

const BATON = fileURLToPath(new URL("../../cli/baton.mjs", import.meta.url));

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

test("case A11: `baton validate` of a pipe refuses it in one line, and does not wait for it", async () => {
  execFileSync("mkfifo", [join(place.project, "pipe")]);
  const { code, stderr } = await baton(place, ["validate", "pipe"]).ended;
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: "baton: cannot read pipe: it is a pipe or a device, and no file\n",
  });
});

test("case L11: a pipeline in Latin-1 is refused with the place of the first byte", async () => {
  writeFileSync(join(place.project, "ci.yml"), Buffer.from("jobs:\n  a: {run: echo caf\u00e9}\n", "latin1"));
  for (const command of ["validate", "run"]) {
    const { code, stderr } = await baton(place, [command, "ci.yml"]).ended;
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "baton: ci.yml:2:20: the byte 0xe9 is no UTF-8: save the file as UTF-8\n",
    });
  }
});

test("case L11: secrets of <(…) are there for two jobs, with # and all", async () => {
  place.write({
    ".baton/ci.yml": `jobs:
  a: {secrets: [P], run: 'test "$P" = "long#word"'}
  b: {needs: a, secrets: [P], run: 'test "$P" = "long#word"'}
`,
  });
  const script = `exec "$0" "$1" run --secrets-file <(printf '\\357\\273\\277P=long#word\\n')`;
  const child = spawn("bash", ["-c", script, process.execPath, BATON], {
    cwd: place.project,
    env: { PATH: process.env["PATH"], HOME: place.temp, TMPDIR: place.temp },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(err).toBe("");
  expect(out).toMatch(/b +✔ passed/);
}, 120_000);

test("case L11: a secrets file that is not well written ends the command before anything starts", async () => {
  place.write({ ".baton/ci.yml": "jobs: {a: {run: x}}\n", secrets: "A=1\nB=hunter2 # old\n" });
  const { code, stderr, stdout } = await baton(place, ["run", "--secrets-file", "secrets"]).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^baton: --secrets-file: \S+secrets:2:1: the line has " #" in its value[^\n]+\n$/);
  expect(stderr).not.toContain("hunter2");
});
