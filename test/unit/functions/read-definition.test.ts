import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readDefinitionWithGit } from "../../../functions/read-definition.ts";
import { DomainError } from "../../../shared/domain/errors.ts";
import { DEFINITION_BYTES_MAX } from "../../../shared/domain/limits.ts";

let repository: string;
let sha: string;

beforeAll(() => {
  repository = mkdtempSync(join(tmpdir(), "baton-definition-test-"));
  const git = (...args: string[]) => execFileSync("git", ["-C", repository, ...args], { encoding: "utf8" }).trim();
  git("init", "-q");
  mkdirSync(join(repository, ".baton"));
  writeFileSync(join(repository, ".baton", "ci.yml"), "jobs: {a: {run: x}}\n");
  writeFileSync(join(repository, "large.yml"), "#".repeat(DEFINITION_BYTES_MAX + 1));
  git("add", "-A");
  git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "one");
  sha = git("rev-parse", "HEAD");
});
afterAll(() => rmSync(repository, { recursive: true }));

/** A host of an operator's own, as servers of tests are; and the one folder that is served. */
const policyOf = (url: string) => ({ folders: [repository], hosts: url.startsWith("http") ? [new URL(url).host] : [] });
const source = (url: string, at = sha) => ({ kind: "git", url, sha: at }) as const;

/** What the caller is told; anything but a mistake of the caller is told as `passing`. */
async function refusalOf(reading: Promise<string>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof DomainError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `passing: ${error.message}` : "none";
}

async function served<T>(listener: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://ci:hunter2@127.0.0.1:${(server.address() as AddressInfo).port}/r.git`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("a file is read at its commit", async () => {
  for (const url of [repository, `file://${repository}`])
    expect(await readDefinitionWithGit(policyOf(url), source(url), ".baton/ci.yml")).toBe("jobs: {a: {run: x}}\n");
});

test("what is not there is the caller's mistake, and named", async () => {
  expect(await refusalOf(readDefinitionWithGit(policyOf(repository), source(repository), "no.yml"))).toMatch(
    /^invalid_definition: cannot read no.yml at [0-9a-f]{40}: .*no.yml/,
  );
  expect(await refusalOf(readDefinitionWithGit(policyOf(repository), source(repository, "0".repeat(40)), "x"))).toMatch(
    /^invalid_definition/,
  );
  expect(await refusalOf(readDefinitionWithGit(policyOf(""), source("/no/such/folder"), "x"))).toMatch(/^forbidden/);
});

test("a file over the limit is told by the limit", async () => {
  const told = await refusalOf(readDefinitionWithGit(policyOf(repository), source(repository), "large.yml"));
  expect(told).toMatch(/^invalid_definition: .*more than 524288 bytes/);
});

test("a server that is silent, or fails, is nobody's mistake: it may answer the next time", async () => {
  const silent = await served(
    () => undefined,
    (url) => refusalOf(readDefinitionWithGit(policyOf(url), source(url), "x", 500)),
  );
  expect(silent).toMatch(/^passing: /);
  const broken = await served(
    (_, response) => response.writeHead(503).end(),
    (url) => refusalOf(readDefinitionWithGit(policyOf(url), source(url), "x")),
  );
  expect(broken).toMatch(/^passing: /);
  expect(silent + broken).not.toContain("hunter2");
});

test("a server that refuses is the caller's mistake, told without the URL's password", async () => {
  const refused = await served(
    (_, response) => response.writeHead(404).end(),
    (url) => refusalOf(readDefinitionWithGit(policyOf(url), source(url), "x")),
  );
  expect(refused).toMatch(/^invalid_definition: /);
  expect(refused).not.toContain("hunter2");
});
