import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { ENGINE_PORT, findDynamoEngine, startDynamoEngine } from "../../localstack/dynamo-engine.ts";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { type BatonUp, batonUp } from "../support/baton-up.ts";
import { eventually } from "../support/eventually.ts";
import { listeningSockets } from "../support/listening-ports.ts";
import { processTree } from "../support/process-tree.ts";
import { isAlive } from "../support/processes.ts";

/** What other users of a machine reach of a `baton up` there. */

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
if (!isRoot) console.log("not root: what another user of this machine reaches of baton up is not tried");

const folder = mkdtempSync(join(tmpdir(), "baton-shared-"));
let up: BatonUp;

beforeAll(async () => {
  const before = process.umask(0);
  try {
    up = await batonUp({ slots: 1, folder });
  } finally {
    process.umask(before);
  }
});
afterAll(async () => {
  await up?.discard();
  rmSync(folder, { recursive: true, force: true });
});

test("case A1: baton up listens at the gateway and at queues and bucket, on the loopback alone, and nowhere else", () => {
  const sockets = listeningSockets(up.pid);
  expect(sockets.map(({ address }) => address)).toEqual(["127.0.0.1", "127.0.0.1"]);
  expect(sockets.map(({ port }) => `http://127.0.0.1:${port}`)).toContain(up.url);
});

test("case A1: all that is in the state folder is its owner's alone, also under a umask of 0", () => {
  const state = join(folder, "state");
  const open = ["", ...readdirSync(state, { recursive: true, encoding: "utf8" })]
    // What steps make is theirs, in a folder that nobody else enters.
    .filter((path) => !path.startsWith("work/"))
    .map((path) => ({ path, mode: statSync(join(state, path)).mode & 0o077 }))
    .filter(({ mode }) => mode !== 0);
  expect(open).toEqual([]);
});

/** Runs as nobody: asks each port without and with credentials of its own making, and reads each file. */
const STRANGER = `
const { readFileSync, readdirSync } = require("node:fs");
const { execFileSync } = require("node:child_process");
const { ports, state, enginePid } = JSON.parse(process.argv[1]);
const found = [];
const paths = ["/", "/metrics", "/v1/runs", "/v1/tokens", "/_fauxqs/queues", "/baton-products?list-type=2"];
const aws = "AWS4-HMAC-SHA256 Credential=BATONEMBEDDED/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00";
const calls = [["GET"], ["POST", "DynamoDB_20120810.ListTables"], ["POST", "AmazonSQS.ListQueues"]];
const attempt = (what, act) => { try { found.push([what, String(act()).slice(0, 80)]); } catch {} };
for (const name of ["", ...["token", "runner-token", "signing-key", "secrets-key", "stack.log", "stack.json", "lock", "table.db"]])
  attempt(name, () => name === "" ? readdirSync(state) : readFileSync(state + "/" + name));
attempt("namespace", () => execFileSync("nsenter", ["--target", String(enginePid), "--net", "true"], { stdio: "pipe" }));
attempt("memory", () => readFileSync("/proc/" + enginePid + "/environ"));
(async () => {
  for (const port of ports) for (const path of paths) for (const [method, target] of calls) for (const authorization of ["", "Bearer x", aws]) {
    const headers = { ...(authorization && { authorization }), ...(target && { "x-amz-target": target, "content-type": "application/x-amz-json-1.0" }) };
    const response = await fetch("http://127.0.0.1:" + port + path, { method, headers, ...(target && { body: "{}" }) }).catch(() => undefined);
    if (response !== undefined && response.status < 400) found.push([port + path, await response.text()]);
  }
  console.log(JSON.stringify(found));
})();
`;

describe.skipIf(!isRoot)("another user of the machine", () => {
  test("SECURITY 6: case A1: reads no file, and of no port more than a refusal", async () => {
    const ports = [...listeningSockets(up.pid).map(({ port }) => port), ENGINE_PORT];
    const enginePid = processTree(up.pid).find(({ command }) => command.includes("dynoxide"))?.pid;
    const told = JSON.stringify({ ports, state: join(folder, "state"), enginePid });
    const said = execFileSync(process.execPath, ["-e", STRANGER, told], {
      uid: NOBODY,
      gid: NOBODY,
      cwd: "/",
      encoding: "utf8",
    });
    expect(JSON.parse(said)).toEqual([]);
  });

  test("case A1: a state folder that another user made is refused, and left as it is", async () => {
    const stateDir = join(folder, "made-by-nobody");
    mkdirSync(stateDir);
    chownSync(stateDir, NOBODY, NOBODY);
    const refused = await spawnStack({ stateDir, memory: true }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "state_unwritable" });
    expect(String(refused)).toContain(`belongs to another user (uid ${NOBODY}): name one of your own with --state`);
    expect(readdirSync(stateDir)).toEqual([]);
  });
});

test("case A1: engine and connector end with a stack that is killed", async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "baton-killed-"));
  const stack: SpawnedStack = await spawnStack({ stateDir, memory: true });
  const below = processTree(stack.pid);
  expect(below.filter(({ command }) => /^\S*(dynoxide --host|node \S*engine-connector)/.test(command))).toHaveLength(2);
  stack.kill();
  await eventually("all of it ends", () => !below.some(({ pid }) => isAlive(pid)));
  rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

test("case A1: an engine whose connector is killed ends, and is told as lost", async () => {
  const engine = await startDynamoEngine(findDynamoEngine(process.platform, process.arch), undefined);
  const connector = processTree(engine.pid).find(({ command }) => /^\S*node \S*engine-connector/.test(command))?.pid;
  process.kill(z.int().parse(connector), "SIGKILL");
  await engine.exited;
});

test("case A1: without namespaces the engine is at an address nobody can guess, and its exposure is told in one line", async () => {
  const binary = findDynamoEngine(process.platform, process.arch);
  const refusing = [["--no-such-option"]];
  const [one, other] = await Promise.all([1, 2].map(() => startDynamoEngine(binary, undefined, refusing)));
  try {
    for (const engine of [one, other])
      expect(engine?.reach).toMatchObject({ endpoint: expect.stringMatching(/^http:\/\/127\.\d+\.\d+\.\d+:\d+$/) });
    expect(one?.reach.endpoint).not.toBe(other?.reach.endpoint);
    expect(one?.reach.exposed).toMatch(/^other users of this machine can reach the table .*KNOWN_GAPS\.md\)$/);
  } finally {
    await Promise.all([one?.stop(), other?.stop()]);
  }
});
