import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type PackedRunner, packRunner } from "../../runner/pack/pack-runner.ts";
import { eventually } from "../support/eventually.ts";
import { FAKE_TOKEN, type FakeControlPlane, startFakeControlPlane } from "../support/fake-control-plane.ts";
import { type HttpRecorder, startHttpRecorder } from "../support/http-recorder.ts";
import { startProgram } from "../support/start-program.ts";

/**
 * `runner/ec2/user-data.sh` under a root of its own, with a metadata service and a place of Node's on loopback. `aws`,
 * `systemctl`, `useradd` and `dnf` are stand-ins that keep what they are asked; all else is real. Then what systemd would
 * start is started: the packed runner, with the settings and the token that the script wrote.
 */

const SCRIPT = fileURLToPath(new URL("../../runner/ec2/user-data.sh", import.meta.url));
const SESSION = "imds-session";

let folder: string;
let root: string;
let packed: PackedRunner;
let nodeArchive: Buffer;
let plane: FakeControlPlane;
let instance: HttpRecorder;
let sums: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "baton-user-data-"));
  packed = await packRunner(join(folder, "packed"));
  nodeArchive = makeNodeArchive();
});
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  root = mkdtempSync(join(folder, "root-"));
  plane = await startFakeControlPlane();
  sums = `${createHash("sha256").update(nodeArchive).digest("hex")}  ${nodeName()}\n`;
  instance = await startHttpRecorder(({ method, path, headers }) => {
    if (path.endsWith("/SHASUMS256.txt")) return { status: 200, body: sums };
    if (method === "PUT" && path === "/latest/api/token") return { status: 200, body: SESSION };
    if (headers["x-aws-ec2-metadata-token"] !== SESSION) return { status: 401 };
    const text = { "placement/region": "eu-central-1", "instance-id": "i-0123456789" }[
      path.slice("/latest/meta-data/".length)
    ];
    return text === undefined ? { status: 404 } : { status: 200, body: text };
  });
  standIns();
});
afterEach(async () => {
  await plane.stop();
  await instance.stop();
});

const ARCH = process.arch === "arm64" ? "arm64" : "x64";
const VERSION = /node_version=(\S+)/.exec(readFileSync(SCRIPT, "utf8"))?.[1];
const nodeName = () => `node-v${VERSION}-linux-${ARCH}.tar.gz`;

/** What nodejs.org has, but for its size: this very Node behind a script. */
function makeNodeArchive(): Buffer {
  const bin = join(folder, `node-v${VERSION}-linux-${ARCH}`, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "node"), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 });
  return execFileSync("tar", ["-cz", "-C", folder, dirname(bin).slice(folder.length + 1)]);
}

function standIns(): void {
  const bin = join(root, "stand-ins");
  mkdirSync(bin);
  const keep = `printf '%s' "$(basename "$0")" >>'${root}/asked'; printf ' %s' "$@" >>'${root}/asked'; echo >>'${root}/asked'`;
  const put = (name: string, body: string) =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${keep}\n${body}\n`, { mode: 0o755 });
  for (const name of ["systemctl", "useradd", "dnf"]) put(name, "exit 0");
  writeFileSync(join(root, "parameter"), `${FAKE_TOKEN}\n`);
  writeFileSync(join(root, "node.tar.gz"), nodeArchive);
  put(
    "aws",
    `case "$1 $2" in "s3 cp") cp '${packed.archive}' "$5" ;; "ssm get-parameter") cat '${root}/parameter' ;; *) exit 9 ;; esac`,
  );
  // The real curl, but for the one file that is no text.
  put(
    "curl",
    `for last; do :; done; case $last in */${nodeName()}) while [ $# -gt 1 ]; do [ "$1" = --output ] && cp '${root}/node.tar.gz' "$2"; shift; done ;; *) PATH=/usr/bin:/bin exec curl "$@" ;; esac`,
  );
}

function runScript(change: Readonly<Record<string, string>> = {}) {
  const words: Record<string, string> = {
    URL: plane.url,
    POOLS: "default,gpu",
    TOKEN_PARAMETER: "/baton/main/runner-token",
    RUNNER_ARCHIVE: "s3://bucket/baton-runner.tgz",
    RUNNER_SHA256: packed.sha256,
    RUNNER_OPTIONS: "--slots 1",
    ...change,
  };
  const text = readFileSync(SCRIPT, "utf8").replace(/@([A-Z0-9_]+)@/g, (whole, word: string) => words[word] ?? whole);
  const file = join(root, "user-data.sh");
  writeFileSync(file, text);
  chmodSync(file, 0o700);
  const env = {
    PATH: `${join(root, "stand-ins")}:/usr/bin:/bin`,
    BATON_ROOT: root,
    BATON_NODE_DIST: `${instance.url}/dist`,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url,
  };
  return spawnAsync(file, env);
}

/** Not spawnSync: the servers that it asks are in this process. */
async function spawnAsync(file: string, env: Readonly<Record<string, string>>) {
  const program = startProgram(file, [], { env, cwd: root });
  return { status: await program.exited, said: program.said() };
}

const asked = () => readFileSync(join(root, "asked"), "utf8");
const read = (file: string) => readFileSync(join(root, file), "utf8");

test("a fresh instance gets Node, the runner, its settings, and its token in a file of root's alone", async () => {
  const { status, said } = await runScript();
  expect([status, said]).toEqual([0, expect.stringContaining("the runner serves default,gpu")]);
  expect(read("etc/baton-runner/environment")).toBe(
    `BATON_URL=${plane.url}\nBATON_RUNNER_OPTIONS=--name i-0123456789 --ec2 --pool default --pool gpu --slots 1\nAWS_REGION=eu-central-1\n`,
  );
  expect(read("etc/baton-runner/token").trim()).toBe(FAKE_TOKEN);
  expect(statSync(join(root, "etc/baton-runner/token")).mode & 0o777).toBe(0o600);
  expect(statSync(join(root, "etc/baton-runner")).mode & 0o777).toBe(0o700);
  expect(asked()).toContain("ssm get-parameter --name /baton/main/runner-token --with-decryption");
  expect(asked()).toContain("systemctl enable --now baton-runner.service");
  expect(said).not.toContain(FAKE_TOKEN);
  expect(asked()).not.toContain(FAKE_TOKEN);
  expect(existsSync(join(root, "etc/systemd/system/baton-runner.service"))).toBe(true);
});

test("what the unit then starts runs a job: the packed runner, with these settings and this token", async () => {
  expect((await runScript()).status).toBe(0);
  const unit = read("etc/systemd/system/baton-runner.service");
  const settings = Object.fromEntries(
    read("etc/baton-runner/environment")
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/s)),
  );
  const state = join(root, "state");
  mkdirSync(state);
  const [, command = ""] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
  const [program = "", ...args] = command
    .replaceAll("%d/token", join(root, "etc/baton-runner/token"))
    .replaceAll("/var/lib/baton-runner", state)
    .replaceAll("/opt/", `${root}/opt/`)
    .replace("$BATON_RUNNER_OPTIONS", settings["BATON_RUNNER_OPTIONS"] ?? "")
    .replace("--pool gpu ", "")
    .split(" ");
  const env = {
    PATH: "/usr/bin:/bin",
    BATON_URL: settings["BATON_URL"] ?? "",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url,
  };
  const runner = startProgram(program, args, { env, cwd: state });
  try {
    const job = plane.addJob({ script: "echo from the packed runner" });
    plane.offer(job);
    await eventually("the job ends", () => job.ends[0]);
    expect(job.ends).toEqual(["complete succeeded"]);
    expect(plane.logOf(job)).toContain("\nfrom the packed runner\n");
  } finally {
    runner.signal("SIGTERM");
    expect(await runner.exited).toBe(0);
  }
});

test.each([
  ["a runner's archive with another sum", { RUNNER_SHA256: "0".repeat(64) }, "another sum"],
  ["an archive over plain http", { RUNNER_ARCHIVE: "http://example.com/x.tgz" }, "neither s3:// nor https://"],
])("%s starts nothing", async (_what, change, message) => {
  const { status, said } = await runScript(change);
  expect(status).not.toBe(0);
  expect(said).toContain(message);
  expect(existsSync(join(root, "asked")) ? asked() : "").not.toContain("systemctl");
});

test("Node with another sum, and a parameter without a token, start nothing", async () => {
  sums = `${"0".repeat(64)}  ${nodeName()}\n`;
  expect(await runScript()).toMatchObject({ status: 1, said: expect.stringContaining("another sum") });
  sums = `${createHash("sha256").update(nodeArchive).digest("hex")}  ${nodeName()}\n`;
  writeFileSync(join(root, "parameter"), "");
  expect(await runScript()).toMatchObject({ status: 1, said: expect.stringContaining("is empty") });
  expect(asked()).not.toContain("systemctl");
});

const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

test.skipIf(!has("shellcheck"))("the runner's scripts are clean for shellcheck", () => {
  const scripts = execFileSync("git", ["grep", "-lE", "^#!/(bin/(ba)?sh|usr/bin/env bash)$", "--", "runner"], {
    cwd: dirname(dirname(dirname(SCRIPT))),
    encoding: "utf8",
  });
  const files = scripts.trim().split("\n");
  expect(files.length).toBeGreaterThanOrEqual(5);
  const { stdout } = spawnSync("shellcheck", files, { cwd: dirname(dirname(dirname(SCRIPT))), encoding: "utf8" });
  expect(stdout).toBe("");
});

test.skipIf(!has("systemd-analyze"))("systemd takes the unit without a word, and finds it well protected", () => {
  const unit = readFileSync(
    fileURLToPath(new URL("../../runner/systemd/baton-runner.service", import.meta.url)),
    "utf8",
  );
  // Programs of this host in place of those that are not there yet.
  const here = unit
    .replaceAll("/opt/node/bin/node", process.execPath)
    .replaceAll("/opt/baton-runner/wait-for-watchdogs", join(packed.folder, "wait-for-watchdogs"));
  const file = join(root, "baton-runner.service");
  writeFileSync(file, here);
  const verified = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
  expect([verified.status, verified.stderr.replace(/^.*(?:Failed to connect|Running in chroot).*\n/gm, "")]).toEqual([
    0,
    "",
  ]);
  const { stdout } = spawnSync("systemd-analyze", ["security", "--offline=yes", file], { encoding: "utf8" });
  expect(Number(/exposure level for \S+ ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(4);
});
