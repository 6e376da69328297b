import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { spawnStack } from "../../localstack/spawn-stack.ts";
import { makeClient } from "../../shared/protocol/client.ts";
import { baton, makePlace } from "./cli-process.ts";

/** A state folder one of whose files is not what Baton wrote there. */

const folder = mkdtempSync(join(tmpdir(), "baton-damaged-"));
const whole = join(folder, "whole");
const stateDir = join(folder, "state");
const GARBAGE = Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * 7_919) % 251));

beforeAll(async () => {
  const stack = await spawnStack({ stateDir: whole });
  const client = makeClient({ url: stack.url, token: stack.token });
  await client.call("addProject", {
    body: {
      name: "app",
      forge: { kind: "github", repository: "o/app" },
      secret: { kind: "token", token: "ghp_12345678" },
    },
  });
  await client.call("setSecret", { params: { project: "app", name: "S" }, body: { value: "v" } });
  await stack.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

function damage(name: string, how: (path: string) => void): void {
  rmSync(stateDir, { recursive: true, force: true });
  cpSync(whole, stateDir, { recursive: true });
  const path = join(stateDir, name);
  rmSync(path, { recursive: true, force: true });
  how(path);
}
const asGarbage = (path: string) => writeFileSync(path, GARBAGE);
const asPipe = (path: string) => void execFileSync("mkfifo", [path]);
const asFolder = (path: string) => void mkdirSync(path);

test.each([
  ["lock", asGarbage, /is damaged \(file is not a database\): it holds nothing, so remove it and start again/],
  ["lock", asFolder, /is damaged .*: it holds nothing, so remove it/],
  [
    "table.db",
    asGarbage,
    /is damaged \(.*\): restore it from a copy, or remove it and start again; its runs, projects and tokens/,
  ],
  ["table.db", asFolder, /is damaged .*: restore it from a copy/],
  [
    "queues-and-bucket",
    asGarbage,
    /is damaged .*: restore it from a copy, or remove it and start again; runs go on then/,
  ],
  ["queues-and-bucket/fauxqs.db", asGarbage, /queues-and-bucket is damaged \(file is not a database\)/],
  ["signing-key", asGarbage, /is damaged \(it holds no keys of 32 bytes, a line each\): remove it and start again/],
  ["signing-key", asFolder, /signing-key cannot be read: it is a folder/],
  ["signing-key", asPipe, /signing-key cannot be read: it is a pipe or a device, and no file/],
  ["token", asPipe, /token cannot be read: it is a pipe or a device, and no file/],
  ["runner-token", asPipe, /runner-token cannot be read: it is a pipe or a device, and no file/],
  ["aws-port", asPipe, /aws-port cannot be read: it is a pipe or a device, and no file/],
  ["secrets", asPipe, /secrets cannot be read: it is a pipe or a device, and no file/],
  ["secrets", asGarbage, /is damaged \(it is not JSON\): restore it from a copy, or remove both/],
  ["secrets-key", asGarbage, /secrets-key is damaged \(it holds no key of 32 bytes\)/],
  ["stack.json", asFolder, /stack\.json cannot be written: it is a folder/],
])("case A11: a damaged %s is one line with its path and what to do (%#)", async (name, how, message) => {
  damage(name, how);
  const failed = await spawnStack({ stateDir }).catch((error: unknown) => error as Error);
  const said = failed instanceof Error ? failed.message : "it started";
  expect(said).toMatch(message);
  expect(said).toContain(join(stateDir, name.split("/")[0] ?? ""));
  expect(said).toMatch(/^[\x20-\x7e]{1,500}$/);
});

test.each(["stack.json", "aws-port", "token", "runner-token"])(
  "case A11: a damaged %s is written anew at the start",
  async (name) => {
    damage(name, asGarbage);
    const stack = await spawnStack({ stateDir });
    const client = makeClient({ url: stack.url, token: stack.token });
    expect((await client.call("listTokens", {})).tokens.length).toBeGreaterThan(1);
    const runner = makeClient({ url: stack.url, token: readFileSync(stack.runnerTokenFile, "utf8").trim() });
    await runner.call("openSession", { body: { name: "host", pools: ["default"], slots: 1 } });
    await stack.stop();
  },
);

test("case A11: baton up says so in one line and ends with 2, and another command says so of a damaged stack.json", async () => {
  const place = makePlace();
  place.write({ ".baton/state/lock": "not a lock of ours\n", ".baton/state/stack.json": "{" });
  const up = await baton(place, ["up", "--port", "0"]).ended;
  expect({ code: up.code, lines: up.stderr.trim().split("\n") }).toEqual({
    code: 2,
    lines: [
      expect.stringMatching(/^baton: .*\/\.baton\/state\/lock is damaged \(file is not a database\): it holds nothing/),
    ],
  });
  const list = await baton(place, ["runs", "list"]).ended;
  expect([list.code, list.stderr]).toEqual([
    2,
    expect.stringMatching(/stack\.json is not what `baton up` writes: remove it\n$/),
  ]);
  place.remove();
});
