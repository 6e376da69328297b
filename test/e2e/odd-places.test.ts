import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makePlace, type Place } from "./cli-process.ts";

/** The command where something of its surroundings is not as usual: one line, exit code 2, and never 1, which is a failed check. */

const BATON = fileURLToPath(new URL("../../cli/baton.mjs", import.meta.url));
const GOOD = "jobs: {a: {run: 'true'}}\n";

let place: Place;
beforeEach(() => {
  place = makePlace();
  place.write({ ".baton/ci.yml": GOOD, "bad.yml": "jobs: {a: {rum: x}}\n" });
});
afterEach(() => place.remove());

/** Runs a line of bash in which `$baton` is the command. */
async function shell(line: string, env: Readonly<Record<string, string>> = {}) {
  const child = spawn("bash", ["-c", `baton() { "${process.execPath}" "${BATON}" "$@"; }; ${line}`], {
    cwd: place.project,
    env: { PATH: process.env["PATH"], HOME: place.temp, TMPDIR: place.temp, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: child.exitCode ?? (await new Promise((resolve) => child.once("exit", resolve))), stdout, stderr };
}

describe("case L19, case A11: one line, and exit code 2", () => {
  test("where stdout is full", async () => {
    for (const command of ["validate --json bad.yml", "--help"]) {
      const { code, stderr } = await shell(`baton ${command} > /dev/full`);
      expect({ code, stderr }).toEqual({ code: 2, stderr: "baton: cannot write to stdout: the disk is full\n" });
    }
  });

  test("where stderr is full, or closed", async () => {
    expect(await shell("baton validate no.yml 2> /dev/full")).toEqual({ code: 2, stdout: "", stderr: "" });
    expect(await shell("baton validate no.yml 2>&-")).toEqual({ code: 2, stdout: "", stderr: "" });
  });

  test("a reader that has gone ends it quietly", async () => {
    const { stderr } = await shell("baton --help | head -1 > /dev/null");
    expect(stderr).toBe("");
  });

  test.each([
    ["/nonexistent", "there is no such file"],
    ["/etc/passwd", "it is a file"],
    ["/proc", "there is no such file"],
  ])("where TMPDIR is %s", async (folder, why) => {
    const { code, stderr } = await shell("baton run", { TMPDIR: folder });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^baton: cannot make a folder in [^\n]*TMPDIR names another place\n$/);
    expect(stderr).toContain(why);
  });

  test("where there is no home and nobody in passwd, commands work, and what needs a home says so", async () => {
    execFileSync("chmod", ["-R", "a+rX", join(place.project, "..")]);
    const nobody = 'env -u HOME setpriv --reuid 54321 --regid 54321 --clear-groups "$(command -v bash)" -c';
    const run = (command: string) =>
      shell(`${nobody} '"${process.execPath}" "${BATON}" ${command}'`, { TMPDIR: "/tmp" });
    expect(await run("validate .baton/ci.yml")).toMatchObject({ code: 0, stderr: "1 file, no problems\n" });
    const { code, stderr } = await run("runs list");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^baton: no control plane is known[^\n]*\n$/);
  });

  test("where the current folder is gone", async () => {
    const { code, stderr } = await shell('mkdir gone; cd gone; rmdir "$PWD"; baton validate x');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "baton: the current folder is not there any more: change to one that is\n",
    });
  });

  test("where there are too few descriptors", async () => {
    const { code, stderr } = await shell("ulimit -n 30; baton run");
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stderr).toMatch(/^baton: [^\n]+\n/);
  });

  test("where there are a few descriptors more, with which a job would wait for ever", async () => {
    for (const command of ["run", "up --port 0", "runner --url http://127.0.0.1:1"]) {
      const { code, stderr } = await shell(`ulimit -n 40; baton ${command}`);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringMatching(/^baton(?: runner)?: this process may have 40 files open [^\n]*`ulimit -n`\n$/),
      });
    }
  });

  test.each([
    ["up --port 0 --no-runner --state /proc/x/y", "no folder can be made in /proc"],
    ["run --artifacts /proc/x/y", "no folder can be made in /proc"],
    ["runner --url http://127.0.0.1:1 --work-dir /proc/x", "no folder can be made in /proc"],
    ["run --artifacts dangling/x", "dangling leads to nothing"],
  ])("where a folder cannot be made, and Node's mkdir would try for ever: %s", async (command, why) => {
    const { code, stderr } = await shell(
      `ln -s nowhere dangling; timeout -k 1 20 "${process.execPath}" "${BATON}" ${command}`,
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/^baton[^\n]*\n$/);
    expect(stderr).toContain(why);
  });

  test("where neither stdout nor stderr takes a word", async () => {
    expect(await shell("baton validate --json bad.yml > /dev/full 2> /dev/full")).toEqual({
      code: 2,
      stdout: "",
      stderr: "",
    });
  });

  test("where a file, or a link to itself, stands for the folder of a source", async () => {
    const to = { BATON_URL: "http://127.0.0.1:1", BATON_TOKEN: "x" };
    const { code, stderr } = await shell(
      "ln -s loop loop; baton runs create --source bad.yml; baton runs create --source loop",
      to,
    );
    expect(code).toBe(2);
    expect(stderr.replaceAll(`${place.project}/`, "")).toBe(
      "baton: there is no folder bad.yml\nbaton: there is no folder loop\n",
    );
  });

  test("where a socket stands for a file", async () => {
    const socket = createServer().listen(join(place.project, "s"));
    await once(socket, "listening");
    const { code, stderr } = await shell("baton validate s");
    socket.close();
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "baton: cannot read s: it is a socket, or a device that is not there\n",
    });
  });

  test("a narrow terminal of no language is as good as any", async () => {
    const { code, stderr } = await shell("baton runs list", { COLUMNS: "1", LANG: "C", LC_ALL: "C" });
    expect({ code, lines: stderr.split("\n").length }).toEqual({ code: 2, lines: 2 });
  });
});

test("case A11, SECURITY 30: what nobody sees in a name is shown as an escape, in text and in JSON", async () => {
  place.write({ "bidi.yml": "jobs: {a: {run: x, 'n\u202eam\u2066e': y}}\n" });
  const { stdout } = await shell("baton validate bidi.yml");
  expect(stdout).toContain('unknown key "n\\u202eam\\u2066e" in jobs.a');
  const wrong = await shell("baton 'x\u202e\u001b[31m'; baton run --slots '\u202e\u001b]0;t\u0007'");
  expect(wrong.stderr).toContain("baton: unknown command 'x\\u202e'\n");
  expect(wrong.stderr).toContain("argument '\\u202e' is invalid");
  expect(wrong.stderr).not.toContain("\u001b");
  const json = await shell("baton validate --json 'b\u202eidi.yml'");
  expect(json.stdout).not.toContain("\u202e");
  expect(JSON.parse(json.stdout)).toMatchObject({ unreadable: [expect.stringContaining("b\u202eidi.yml")] });
});

test("case L14: with a proxy in the environment a run calls this machine directly, and its steps see the user's variables", async () => {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(502).end();
  }).on("connect", (request, socket) => {
    asked.push(request.url ?? "");
    socket.end("HTTP/1.1 502 no\r\n\r\n");
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  try {
    place.write({
      ".baton/ci.yml": `jobs:
  a: {run: 'mkdir out; echo "no proxy:\${NO_PROXY-unset}" | tee out/x', artifacts: {paths: [out/x]}}
  b: {needs: a, artifacts: {from: [a]}, run: cat out/x}
`,
    });
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const env = { HTTP_PROXY: url, HTTPS_PROXY: url, http_proxy: url, NODE_USE_ENV_PROXY: "1" };
    const { code, stdout, stderr } = await shell("baton run --artifacts kept && cat kept/a/out/x", env);
    expect({ code, asked }).toEqual({ code: 0, asked: [] });
    expect(stdout, stderr).toContain("b │ no proxy:unset\n");
    expect(stdout).toMatch(/no proxy:unset\n$/);
  } finally {
    proxy.close();
  }
}, 120_000);
