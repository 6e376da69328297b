import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type PackedRunner, packRunner } from "../../runner/pack/pack-runner.ts";
import { eventually } from "../support/eventually.ts";
import { type FakeControlPlane, startFakeControlPlane } from "../support/fake-control-plane.ts";
import { readSocket } from "../support/host-service.ts";
import { type HttpRecorder, startHttpRecorder } from "../support/http-recorder.ts";
import { startProgram } from "../support/start-program.ts";

/**
 * `runner/ec2/user-data.sh` under a root of its own, with a metadata service and a place of Node's on loopback. `aws`,
 * `systemctl`, `useradd`, `ip` and `dnf` are stand-ins that keep what they are asked; all else is real. Then what systemd would
 * start is started: root's service and the packed runner, with the settings that the script wrote.
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
    const text = {
      "placement/region": "eu-central-1",
      "instance-id": "i-0123456789",
      "iam/security-credentials/": "role",
      "iam/security-credentials/role": JSON.stringify({
        AccessKeyId: "ASIA0123456789012345",
        SecretAccessKey: "s",
        Token: "t",
      }),
    }[path.slice("/latest/meta-data/".length)];
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
  for (const name of ["systemctl", "useradd", "dnf", "ip"]) put(name, "exit 0");
  writeFileSync(join(root, "node.tar.gz"), nodeArchive);
  put("aws", `case "$1 $2" in "s3 cp") cp '${packed.archive}' "$5" ;; *) exit 9 ;; esac`);
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
    RUNNER_ARCHIVE: "s3://bucket/baton-runner.tgz",
    RUNNER_SHA256: packed.sha256,
    RUNNER_OPTIONS: "--drain-ms 20000",
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

test("case A6, SECURITY 23: a fresh instance gets Node, the runner and its settings, no token, and a rule before the first step", async () => {
  const { status, said } = await runScript();
  expect([status, said]).toEqual([0, expect.stringContaining("the runner serves default,gpu")]);
  expect(read("etc/baton-runner/environment")).toBe(
    `BATON_URL=${plane.url}\nBATON_HOST_OPTIONS=--pool default --pool gpu\nBATON_RUNNER_OPTIONS=--name i-0123456789 --pool default --pool gpu --drain-ms 20000\n`,
  );
  expect(readdirSync(join(root, "etc/baton-runner"))).toEqual(["environment"]);
  expect(statSync(join(root, "etc/baton-runner")).mode & 0o777).toBe(0o700);
  expect(asked()).not.toContain("ssm");
  const lines = asked().trim().split("\n");
  const denied = lines.findIndex((line) => line.startsWith("ip -4 rule add") && line.includes("to 169.254.169.254"));
  expect(denied).toBeGreaterThan(-1);
  expect(lines.indexOf("systemctl enable --now baton-host.service baton-runner.service")).toBeGreaterThan(denied);
  for (const name of ["baton-runner.service", "baton-host.service", "baton-runner.service.d/ec2.conf"])
    expect(existsSync(join(root, "etc/systemd/system", name)), name).toBe(true);
});

/** What systemd would start of a unit or its drop-in, with the paths of this root. */
function commandOf(unit: string, settings: Readonly<Record<string, string>>, paths: Readonly<Record<string, string>>) {
  const line = read(`etc/systemd/system/${unit}`).match(/^ExecStart=(.+)$/m)?.[1] ?? "";
  const filled = line.replace(/\$(\w+)$/, (_all, name: string) => (settings[name] ?? "").replace("--pool gpu", ""));
  return Object.entries({ ...paths, "/opt/": `${root}/opt/` })
    .reduce((text, [from, to]) => text.replaceAll(from, to), filled)
    .split(" ")
    .filter((word) => word !== "");
}

test("what the units then start runs a job: root's service, and the packed runner with the session that it gives", async () => {
  expect((await runScript()).status).toBe(0);
  const settings = Object.fromEntries(
    read("etc/baton-runner/environment")
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/s)),
  );
  for (const name of ["state", "run", "runner"]) mkdirSync(join(root, name));
  const paths = {
    "%d/session": join(root, "given"),
    "/run/baton-host": join(root, "run"),
    "/run/baton-runner": join(root, "runner"),
    "/var/tmp": join(root, "state"),
  };
  const env = { PATH: "/usr/bin:/bin", BATON_URL: settings["BATON_URL"] ?? "" };
  const [host = "", ...hostArgs] = commandOf("baton-host.service", settings, paths);
  const service = startProgram(host, [...hostArgs, "--socket", join(root, "run/session")], {
    // Its rule is for an instance's own kernel.
    env: { ...env, PATH: `${join(root, "stand-ins")}:/usr/bin:/bin`, AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url },
    cwd: root,
  });
  try {
    await eventually("it gives sessions", () => service.said().includes("gives sessions"), 30_000);
    writeFileSync(join(root, "given"), await readSocket(join(root, "run/session")));
    const job = plane.addJob({ script: "echo from the packed runner" });
    plane.offer(job);
    const [program = "", ...args] = commandOf("baton-runner.service.d/ec2.conf", settings, paths);
    const nowhere = { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:9" };
    const runner = startProgram(program, args, { env: { ...env, ...nowhere }, cwd: join(root, "state") });
    expect([await runner.exited, runner.said()]).toEqual([0, expect.stringContaining("succeeded")]);
    expect(job.ends).toEqual(["complete succeeded"]);
    expect(plane.logOf(job)).toContain("\nfrom the packed runner\n");
  } finally {
    service.signal("SIGTERM");
    expect(await service.exited).toBe(0);
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

test("Node with another sum starts nothing", async () => {
  sums = `${"0".repeat(64)}  ${nodeName()}\n`;
  expect(await runScript()).toMatchObject({ status: 1, said: expect.stringContaining("another sum") });
  expect(existsSync(join(root, "asked")) ? asked() : "").not.toContain("systemctl");
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

const UNITS = fileURLToPath(new URL("../../runner/systemd/", import.meta.url));

test.skipIf(!has("systemd-analyze")).each(["baton-runner", "baton-host", "ec2"] as const)(
  "case A6: systemd takes the units of %s without a word, and finds them well protected",
  (name) => {
    // Programs of this host in place of those that are not there yet.
    const here = (file: string) =>
      readFileSync(join(UNITS, file), "utf8")
        .replaceAll("/opt/node/bin/node", process.execPath)
        .replaceAll("/opt/baton-runner/", `${packed.folder}/`);
    for (const unit of ["baton-runner.service", "baton-host.service", "baton-host.socket"])
      writeFileSync(join(root, unit), here(unit));
    const file = join(root, name === "ec2" ? "baton-runner.service" : `${name}.service`);
    if (name === "ec2") {
      mkdirSync(`${file}.d`);
      writeFileSync(join(`${file}.d`, "ec2.conf"), here("ec2.conf"));
    }
    const verified = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
    expect([verified.status, verified.stderr.replace(/^.*(?:Failed to connect|Running in chroot).*\n/gm, "")]).toEqual([
      0,
      "",
    ]);
    const { stdout } = spawnSync("systemd-analyze", ["security", "--offline=yes", file], { encoding: "utf8" });
    expect(Number(/exposure level for \S+ ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(4);
  },
);
