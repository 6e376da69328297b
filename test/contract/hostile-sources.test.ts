import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readDefinitionWithGit } from "../../functions/read-definition.ts";
import { assertReadable, type SourcePolicy, sourceHostsOf } from "../../functions/source-policy.ts";
import { checkout } from "../../runner/products/source.ts";
import { DomainError } from "../../shared/domain/errors.ts";
import { pinAddress } from "../../shared/lib/pin-address.ts";
import { serverOfSource, sourceUrlProblem } from "../../shared/lib/source-url.ts";

/** Whoever may create runs names a source: what he then makes a control plane, or a runner, read. Real git, real servers. */

let root: string;
let servers: Server[];
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "baton-hostile-")));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
  await rm(root, { recursive: true, force: true });
});

const SHA = "a".repeat(40);
const SECRET = "the-secret-of-another-server";
const source = (url: string, sha = SHA) => ({ kind: "git", url, sha }) as const;

async function serve(listener: RequestListener): Promise<{ host: string; url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    listener(request, response);
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `http://${host}`, asked };
}

const git = (cwd: string, ...args: string[]) =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd, encoding: "utf8" }).trim();

async function repository(path: string, files: Record<string, string>): Promise<string> {
  await mkdir(path, { recursive: true });
  git(path, "init", "-q", "-b", "main");
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  git(path, "add", "-A");
  git(path, "commit", "-qm", "one");
  return git(path, "rev-parse", "HEAD");
}

async function refusal(trying: Promise<unknown>): Promise<string> {
  const error = await trying.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof DomainError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : "nothing refused";
}

async function fetchOnRunner(url: string, sha = SHA, allowedRoots: string[] = []): Promise<string> {
  const into = await mkdtemp(join(root, "workspace-"));
  return refusal(
    checkout({
      source: source(url, sha),
      into,
      cacheDir: join(root, "cache"),
      allowedRoots,
      signal: AbortSignal.timeout(30_000),
      report: () => undefined,
      env: { PATH: process.env["PATH"] ?? "" },
    }),
  );
}

describe("case A8: names of sources (SECURITY 33)", () => {
  test.each([
    "ext::sh -c touch% /tmp/x",
    "ext::sh",
    "fd::3",
    "git://github.com/a/b",
    "ftp://github.com/a/b",
    "-uext::x",
    "--upload-pack=touch x",
    "ssh://-oProxyCommand=x/y",
    "ssh://a@-oProxyCommand=x/y",
    "ssh://-oProxyCommand=x@github.com/y",
    "ssh://%2doProxyCommand=x@github.com/y",
    "git@-oProxyCommand=x:y",
    "git@github.com:-x",
    "https://github.com\\@evil.test/x",
    "https://github.com#@evil.test/x",
    "https://github.com?@evil.test/x",
    "https://a@github.com@evil.test/x",
    "https://github.com%2eevil.test/x",
    "https://github.com:99999/x",
    "https:///x",
    "https://[::1/x",
    "https://github.com/a\nb",
    "/a\tb",
    "relative/path",
    "file://elsewhere/x",
    "C:\\x",
    "",
  ])("case A8: %j is none", (url) => {
    expect(sourceUrlProblem(url)).toBeDefined();
  });

  test.each([
    ["https://github.com/a/b.git", "github.com"],
    ["https://user:pass@GitHub.com:443/a/b", "github.com"],
    ["http://git.example:8080/a/@b", "git.example:8080"],
    ["ssh://git@github.com/a/b", "github.com"],
    ["ssh://github.com:2222/~a/b", "github.com:2222"],
    ["git@github.com:a/b.git", "github.com"],
    ["https://[::1]:3000/x", "[::1]:3000"],
    ["/a folder/b", undefined],
    ["file:///a/b", undefined],
  ])("case A8: %j is one, at %s", (url, host) => {
    expect([sourceUrlProblem(url), serverOfSource(url)?.host]).toEqual([undefined, host]);
  });
});

describe("case A8: a control plane that reads definitions (SECURITY 33)", () => {
  const policy: SourcePolicy = { hosts: ["github.com"], folders: [] };

  test.each([
    [
      "https://gitlab.example/a/b",
      /^forbidden: .* reads no definitions from gitlab.example, but from github.com: send/,
    ],
    ["git@gitlab.example:a/b", /^forbidden: .*BATON_SOURCE_HOSTS/],
    ["ssh://root@10.0.0.1/x", /^forbidden: /],
    ["http://169.254.169.254/latest/meta-data", /^forbidden: /],
    ["http://2852039166/latest", /^forbidden: /],
    ["http://0xa9fea9fe/latest", /^forbidden: /],
    ["http://[::ffff:169.254.169.254]/", /^forbidden: /],
    ["http://localhost:4566/x", /^forbidden: /],
    ["https://github.com.evil.test/a/b", /^forbidden: /],
    ["https://github.com:8443/a/b", /^forbidden: /],
    ["https://github.com./a/b", /^forbidden: /],
    ["http://github.com/a/b", /^bad_request: .*HTTPS/],
    ["/etc", /^forbidden: .*folders of its own machine: send .*`baton up`/],
    ["file:///etc", /^forbidden: /],
    ["file://localhost/etc", /^forbidden: /],
    ["file://elsewhere/etc", /^bad_request: /],
    ["ext::sh -c id", /^bad_request: this is no git source: /],
  ])("case A8: refuses %j, and says why and what to do", async (url, said) => {
    expect(await refusal(assertReadable(url, policy))).toMatch(said);
    expect(await refusal(readDefinitionWithGit(policy, source(url), "x"))).toMatch(said);
  });

  test("case A8: takes the hosts of its forges, over HTTPS and ssh, and those that its operator named", async () => {
    expect(sourceHostsOf(["api.github.com", "ghe.corp.test:8443"])).toEqual(["github.com", "ghe.corp.test:8443"]);
    for (const url of ["https://github.com/a/b", "git@github.com:a/b", "ssh://git@github.com/a/b"])
      expect(await refusal(assertReadable(url, policy))).toBe("nothing refused");
    const own = { hosts: ["git.corp.test"], folders: [] };
    expect(await refusal(assertReadable("http://git.corp.test/a", own))).toBe("nothing refused");
  });

  test("case A8: a public host's name that resolves to this machine, or its network, is not called", async () => {
    const at = (url: string) => serverOfSource(url) ?? { protocol: "https:" as const, host: "", hostname: "", port: 0 };
    expect(await pinAddress(at("https://localhost/x"), { publicOnly: true })).toMatchObject({
      refused: expect.stringMatching(/^localhost has the address (127\.0\.0\.1|::1), which is never called$/),
    });
    const own = await pinAddress(at("https://localhost:3000/x"), { publicOnly: false });
    expect(own).toMatchObject({ config: { "http.curloptResolve": expect.stringMatching(/^localhost:3000:/) } });
    for (const url of ["http://169.254.169.254/", "http://2852039166/", "http://[fd00:ec2::254]/", "http://[fe80::1]/"])
      expect(await pinAddress(at(url), { publicOnly: false }), url).toHaveProperty("refused");
  });

  test("case A8: git calls the address that was looked at, whatever the name resolves to by then", async () => {
    const { host, asked } = await serve((_, response) => response.writeHead(404).end());
    const port = host.split(":")[1] ?? "";
    const args = ["-c", `http.curloptResolve=no.such.name.test:${port}:127.0.0.1`, "ls-remote"];
    const asking = promisify(execFile)("git", [...args, `http://no.such.name.test:${port}/r`], { timeout: 30_000 });
    await expect(asking).rejects.toThrow();
    expect(asked[0]).toContain("/r/info/refs");
  });

  test("case A8: reads a served folder, and no other, by no link and nothing borrowed", async () => {
    const served = join(root, "served");
    const sha = await repository(join(served, "project"), { "ci.yml": "jobs: {}\n" });
    const other = join(root, "other");
    const hidden = await repository(other, { "ci.yml": SECRET });
    git(join(served, "project"), "config", "core.fsmonitor", `touch ${root}/ran`);
    git(join(served, "project"), "config", "core.sshCommand", `touch ${root}/ran`);
    const folders = { hosts: [], folders: [served] };
    expect(await readDefinitionWithGit(folders, source(join(served, "project"), sha), "ci.yml")).toBe("jobs: {}\n");
    for (const name of ["borrows", "points"]) git(root, "init", "-q", join(served, name));
    await writeFile(join(served, "borrows/.git/objects/info/alternates"), `${join(other, ".git/objects")}\n`);
    await rm(join(served, "points/.git"), { recursive: true });
    await writeFile(join(served, "points/.git"), `gitdir: ${join(other, ".git")}\n`);
    for (const url of [
      other,
      `file://${other}`,
      `${served}/../other`,
      join(served, "borrows"),
      join(served, "points"),
    ]) {
      const said = await refusal(readDefinitionWithGit(folders, source(url, hidden), "ci.yml"));
      expect(said, url).toMatch(/^forbidden: /);
      expect(said).not.toContain(SECRET);
    }
    expect(await readdir(root)).not.toContain("ran");
  });
});

describe("case A8: a server that leads elsewhere (SECURITY 33)", () => {
  const readers = [
    [
      "control plane",
      (url: string) => refusal(readDefinitionWithGit({ hosts: [new URL(url).host], folders: [] }, source(url), "x")),
    ],
    ["runner", (url: string) => fetchOnRunner(url)],
  ] as const;

  test.each(readers)("case A8: the %s follows no redirect, and says so", async (_, read) => {
    const other = await serve((_request, response) => response.end(SECRET));
    for (const status of [301, 302, 303, 307, 308]) {
      const first = await serve((request, response) =>
        response.writeHead(status, { location: `${other.url}${request.url}` }).end(),
      );
      const said = await read(`${first.url}/r.git`);
      expect(said).toContain(
        `the server redirects (${status}), which is not followed: name the repository by the address`,
      );
      expect(said).not.toContain(other.host);
    }
    expect(other.asked).toEqual([]);
  });

  test.each(readers)("case A8: the %s takes no objects from where a server says that they are", async (_, read) => {
    const other = await serve((_request, response) => response.end(SECRET));
    const first = await serve((request, response) => {
      const [path = ""] = (request.url ?? "").split("?");
      if (path.endsWith("/info/refs")) return response.end(`${SHA}\trefs/heads/main\n`);
      if (path.endsWith("/HEAD")) return response.end("ref: refs/heads/main\n");
      if (path.endsWith("/info/http-alternates")) return response.end(`${other.url}/objects\n`);
      if (path.endsWith("/info/alternates")) return response.end("/other/objects\n");
      return response.writeHead(404).end();
    });
    expect(await read(`${first.url}/r.git`)).not.toBe("nothing refused");
    expect(first.asked.length).toBeGreaterThan(1);
    expect(other.asked).toEqual([]);
  });

  test.each(readers)(
    "case A8: the %s repeats nothing of what a server has answered that speaks no git",
    async (_, read) => {
      for (const type of ["text/plain", "application/x-git-upload-pack-advertisement"]) {
        const server = await serve((_request, response) =>
          response.writeHead(200, { "content-type": type }).end(`001e# ${SECRET}\n${SECRET}\n`),
        );
        const said = await read(`${server.url}/r.git`);
        expect(said).not.toBe("nothing refused");
        expect(said).not.toContain(SECRET);
      }
    },
  );
});

describe("case A8: a runner (SECURITY 33)", () => {
  test.each([
    "http://169.254.169.254/latest",
    "http://2852039166/x",
    "http://[::ffff:169.254.169.254]/x",
    "http://[fd00:ec2::254]/x",
  ])("case A8: calls no metadata service: %s", async (url) => {
    expect(await fetchOnRunner(url)).toMatch(/^forbidden: .* which is never called$/);
  });

  test("case A8: runs nothing that a repository's submodules say, and fetches none", async () => {
    const path = join(root, "project");
    await repository(path, {
      ".gitmodules": `[submodule "x"]\n\tpath = x\n\turl = file://${root}/y\n\tupdate = !touch ${root}/ran\n`,
    });
    git(path, "update-index", "--add", "--cacheinfo", `160000,${SHA},x`);
    git(path, "commit", "-qm", "two");
    expect(await fetchOnRunner(path, git(path, "rev-parse", "HEAD"), [path])).toBe("nothing refused");
    expect(await readdir(root)).not.toContain("ran");
  });
});
