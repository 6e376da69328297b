import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { checkout } from "../../runner/products/source.ts";
import type { SourceCredential } from "../../shared/protocol/leases.ts";
import { findInFiles, shownOnThisMachine } from "../support/find-value.ts";
import { startGitHttpServer } from "../support/git-http-server.ts";
import { type PrivateRepository, startPrivateRepository } from "../support/private-repository.ts";

/** A private repository over HTTPS: real git, a real server that refuses whoever has no password. */

const PASSWORD = "ghs_password-that-nobody-may-see";
const CREDENTIAL: SourceCredential = { username: "x-access-token", password: PASSWORD };
const BASIC = Buffer.from(`x-access-token:${PASSWORD}`).toString("base64");
const VALUES = [PASSWORD, BASIC];

let root: string;
let repository: PrivateRepository;
let place: string;
let places = 0;
let whileServing: ReturnType<typeof shownOnThisMachine>[];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "baton-private-source-"));
  repository = await startPrivateRepository(
    { file: "private\n" },
    {
      isPassword: (password) => password === PASSWORD,
      onServing: () => void whileServing.push(shownOnThisMachine(VALUES)),
    },
  );
});
beforeEach(() => {
  places += 1;
  place = join(root, `place-${places}`);
  whileServing = [];
});
afterAll(async () => {
  await repository.stop();
  rmSync(root, { recursive: true, force: true });
});

async function check(options: { url?: string; credential?: SourceCredential } = {}): Promise<string> {
  const { url = repository.url, credential } = options;
  mkdirSync(place, { recursive: true });
  const into = mkdtempSync(join(place, "workspace-"));
  const lines: string[] = [];
  await checkout({
    source: { kind: "git", url, sha: repository.sha, branch: "main" },
    ...(credential === undefined ? {} : { credential }),
    into,
    cacheDir: join(place, "cache"),
    allowedRoots: [],
    signal: new AbortController().signal,
    report: (line) => lines.push(line),
    env: { PATH: process.env["PATH"] ?? "", ...repository.env },
  });
  expect(readFileSync(join(into, "file"), "utf8")).toBe("private\n");
  return lines.join("\n");
}
const failureOf = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "no failure",
    (error: unknown) => String(error),
  );

test("a private repository is checked out with the credential, and refused without", async () => {
  expect(await failureOf(check())).toMatch(/git failed.*could not read Username/);
  expect(await check({ credential: CREDENTIAL })).toMatch(/fetched/);
});

test("SECURITY 12: the credential is in git's environment, and in no argument, no file and no message", async () => {
  const said = await check({ credential: CREDENTIAL });
  expect(whileServing.length).toBeGreaterThan(0);
  expect(whileServing.every(({ environments }) => environments > 0)).toBe(true);
  expect(whileServing.every(({ commandLines }) => commandLines === 0)).toBe(true);
  expect(findInFiles(place, VALUES)).toEqual([]);
  expect(readdirSync(join(place, "cache")).length).toBeGreaterThan(0);
  const wrong = { ...CREDENTIAL, password: `${PASSWORD}-not` };
  const failed = await failureOf(check({ credential: wrong, url: `${repository.url}-none` }));
  expect(failed).toContain("git failed");
  expect(said + failed).not.toMatch(/nobody-may-see/);
  expect(said + failed).not.toContain(BASIC);
  expect(findInFiles(place, [wrong.password])).toEqual([]);
});

test("SECURITY 19: what was fetched with a credential is not in the cache for a run that has none", async () => {
  await check({ credential: CREDENTIAL });
  const fetches = repository.server.fetches();
  expect(await check({ credential: { ...CREDENTIAL, password: "another-one-of-the-same-project" } })).toContain(
    "cache",
  );
  expect(await failureOf(check())).toContain("git failed");
  expect(repository.server.fetches()).toBe(fetches);
});

describe("another server", () => {
  let other: Server;
  let asked: (string | undefined)[];
  let url: string;
  beforeAll(async () => {
    const { key, cert } = repository.tls;
    other = createServer({ key, cert }, ({ headers, url: path = "" }, response) => {
      asked.push(headers.authorization);
      const to = `${path.startsWith("/away") ? repository.server.url : url}/elsewhere${path}`;
      if (path.startsWith("/echo")) return void response.writeHead(403).end(`no: ${headers.authorization}`);
      if (path.startsWith("/elsewhere")) return void response.writeHead(404).end();
      response.writeHead(302, { location: to }).end();
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    url = `https://127.0.0.1:${(other.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    asked = [];
  });
  afterAll(() => {
    other.closeAllConnections();
    other.close();
  });

  test("SECURITY 12: to which the source redirects does not get the credential, nor another path of the same", async () => {
    for (const path of ["/project", "/away"])
      expect(await failureOf(check({ credential: CREDENTIAL, url: url + path }))).toContain("git failed");
    expect(asked).toEqual([`Basic ${BASIC}`, `Basic ${BASIC}`]);
    expect(whileServing).toEqual([]);
  });

  test("SECURITY 12: that says the credential back does not get it into a message", async () => {
    const failed = await failureOf(check({ credential: CREDENTIAL, url: `${url}/echo` }));
    expect(failed).toContain("git failed");
    expect(failed).not.toContain(BASIC);
  });
});

test("SECURITY 12: a credential is never sent in the clear", async () => {
  const plain = await startGitHttpServer(repository.repositories, { version: 2 });
  const failed = await failureOf(check({ credential: CREDENTIAL, url: `${plain.url}/project` }));
  expect([failed, plain.fetches()]).toEqual([expect.stringContaining("over HTTPS only"), 0]);
  await plain.close();
});
