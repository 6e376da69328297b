import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeClient } from "../../shared/protocol/client.ts";
import { createRunReply } from "../../shared/protocol/runs.ts";
import { type BatonUp, batonUp } from "../support/baton-up.ts";
import { eventually } from "../support/eventually.ts";

/** A token that may create runs, and nothing else, against a real `baton up`: what it makes the control plane read. */

const SECRET = "the-secret-of-another-folder";
let root: string;
let up: BatonUp;
let token: string;
let server: Server;
let asked: string[];
const git = (cwd: string, ...args: string[]) =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd, encoding: "utf8" }).trim();

function repository(path: string, pipeline: string): string {
  mkdirSync(join(path, ".baton"), { recursive: true });
  writeFileSync(join(path, ".baton/ci.yml"), pipeline);
  git(path, "init", "-q", "-b", "main");
  git(path, "add", "-A");
  git(path, "commit", "-qm", "one");
  return git(path, "rev-parse", "HEAD");
}

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "baton-src-")));
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end(SECRET);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  up = await batonUp({ slots: 1, folder: root });
  const made = await up.client.call("createToken", { body: { name: "runs", scopes: ["run", "read"] } });
  token = made.token;
});
afterAll(async () => {
  await up.discard();
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true, force: true });
});

async function post(url: string, sha: string): Promise<{ status: number; text: string; said: string }> {
  const response = await fetch(`${up.url}/v1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ source: { kind: "git", url, sha } }),
  });
  const text = await response.text();
  if (!response.ok) return { status: response.status, text, said: text };
  const { run } = createRunReply.parse(JSON.parse(text));
  const client = makeClient({ url: up.url, token });
  const seen = await eventually("the run ends", async () => {
    const reply = await client.call("listJobs", { params: { run: run.id }, query: {} });
    return reply.run.endedAtMs === undefined ? undefined : reply;
  });
  return { status: response.status, text, said: JSON.stringify(seen) };
}

test("case A8: a repository of this machine is read where `baton up` serves it, and nowhere else (SECURITY 33)", async () => {
  const outside = mkdtempSync(join(tmpdir(), "baton-out-"));
  try {
    const inside = repository(join(root, "project"), "jobs: {a: {run: 'true'}}\n");
    const hidden = repository(outside, `${SECRET}: {\n`);
    expect((await post(join(root, "project"), inside)).said).toContain('"state":"succeeded"');
    for (const url of [outside, `file://${outside}`, `${root}/../${outside.split("/").at(-1)}`]) {
      const { status, text, said } = await post(url, hidden);
      expect({ status, said }, url).toMatchObject({ status: 403 });
      expect(text).toMatch(
        /"code":"forbidden","message":"source .* is not in a folder that this control plane may read/,
      );
      expect(said).not.toContain(SECRET);
    }
  } finally {
    rmSync(outside, { recursive: true, force: true });
  }
}, 60_000);

test("case A8: no server is called that no operator has named, and no program is run (SECURITY 33)", async () => {
  const { port } = server.address() as AddressInfo;
  for (const [url, expected] of [
    [`http://127.0.0.1:${port}/r.git`, 403],
    [`http://localhost:${port}/r.git`, 403],
    ["http://169.254.169.254/latest/meta-data", 403],
    ["ssh://127.0.0.1/x", 403],
    ["git@127.0.0.1:x", 403],
    ["https://github.com\\@127.0.0.1/x", 400],
    [`ext::sh -c touch% ${root}/ran`, 400],
    [`ssh://-oProxyCommand=touch${root}/ran/x`, 400],
  ] as const) {
    const { status, text } = await post(url, "a".repeat(40));
    expect({ url, status, text }).toMatchObject({ url, status: expected });
    expect(text).not.toContain(SECRET);
  }
  expect(asked).toEqual([]);
}, 60_000);
