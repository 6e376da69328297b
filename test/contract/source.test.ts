import { execFileSync, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkout } from "../../runner/products/source.ts";
import { SNAPSHOT_MARK } from "../../shared/lib/local-repository.ts";
import { type GitHttpServer, startGitHttpServer } from "../support/git-http-server.ts";

let root: string;
let repository: string;
let servers: GitHttpServer[];
let workspaces = 0;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "baton-source-")));
  repository = join(root, "repos", "project");
  servers = [];
  await mkdir(repository, { recursive: true });
  git("init", "-q", "-b", "main");
});
afterEach(async () => {
  for (const server of servers) await server.close();
  await rm(root, { recursive: true, force: true });
});

function git(...args: string[]): string {
  return gitIn(repository, ...args);
}

function gitIn(cwd: string, ...args: string[]): string {
  const identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "safe.directory=*"];
  return execFileSync("git", [...identity, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] })
    .toString()
    .trim();
}

async function commit(content: string): Promise<string> {
  await mkdir(join(repository, "src"), { recursive: true });
  await writeFile(join(repository, "src/file.txt"), content);
  git("add", ".");
  git("commit", "-qm", content);
  return git("rev-parse", "HEAD");
}

async function serve(version: 0 | 2): Promise<GitHttpServer> {
  const server = await startGitHttpServer(join(root, "repos"), { version });
  servers.push(server);
  return server;
}

async function check(
  url: string,
  sha: string,
  options: { branch?: string; allowedRoots?: string[]; signal?: AbortSignal; env?: Record<string, string> } = {},
) {
  workspaces += 1;
  const into = join(root, `workspace-${workspaces}`);
  await mkdir(into);
  const lines: string[] = [];
  await checkout({
    source: { kind: "git", url, sha, ...(options.branch === undefined ? {} : { branch: options.branch }) },
    into,
    cacheDir: join(root, "cache"),
    allowedRoots: options.allowedRoots ?? [join(root, "repos")],
    signal: options.signal ?? new AbortController().signal,
    report: (line) => lines.push(line),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  return { into, lines, content: await readFile(join(into, "src/file.txt"), "utf8") };
}

async function mirror(): Promise<string> {
  const [name = ""] = (await readdir(join(root, "cache"))).filter((entry) => entry.endsWith(".git"));
  return join(root, "cache", name);
}

describe("a local repository", () => {
  test("is checked out at the commit, with a git that works", async () => {
    const first = await commit("one");
    await commit("two");
    const { into, content } = await check(repository, first);
    expect(content).toBe("one");
    expect(gitIn(into, "rev-parse", "HEAD")).toBe(first);
    expect(gitIn(into, "status", "--porcelain")).toBe("");
  });

  test("the log says that submodules are empty folders, and what fetches them; a snapshot's are plain files", async () => {
    const sha = await commit("one");
    const warning = expect.stringContaining("warning: submodules are empty folders here; `git submodule update");
    expect((await check(repository, sha)).lines).toEqual([expect.stringContaining("checked out")]);
    await writeFile(
      join(repository, ".gitmodules"),
      '[submodule "lib"]\n\tpath = lib\n\turl = https://example.com/lib\n',
    );
    await mkdir(join(repository, "lib"));
    git("update-index", "--add", "--cacheinfo", `160000,${sha},lib`);
    const withModule = await commit("two");
    const checkedOut = await check(repository, withModule);
    expect(checkedOut.lines).toEqual([expect.stringContaining("checked out"), warning]);
    expect(await readdir(join(checkedOut.into, "lib"))).toEqual([]);
    const { url } = await serve(2);
    expect((await check(`${url}/project/.git`, withModule)).lines).toContainEqual(warning);
    await writeFile(join(repository, ".git", SNAPSHOT_MARK), "");
    expect((await check(repository, withModule)).lines).not.toContainEqual(warning);
  });

  test("case L8: a workspace's git stands alone, with its history, and shares no file with the repository", async () => {
    await commit("one");
    const second = await commit("two");
    const bare = join(root, "repos", "borrows: 2.git");
    gitIn(root, "init", "-q", "--bare", bare);
    await writeFile(join(bare, "objects/info/alternates"), `${join(repository, ".git/objects")}\n`);
    for (const url of [repository, bare]) {
      const { into } = await check(url, second);
      const moved = join(root, `moved-${workspaces}`);
      await rename(into, moved);
      await rename(repository, `${repository}-away`);
      expect(await readdir(join(moved, ".git/objects/info"))).toEqual([]);
      expect(gitIn(moved, "log", "--format=%s")).toBe("two\none");
      expect(gitIn(moved, "fsck", "--full", "--strict")).toBe("");
      expect(gitIn(moved, "status", "--porcelain")).toBe("");
      const files = await readdir(join(moved, ".git"), { recursive: true, withFileTypes: true });
      for (const file of files.filter((entry) => entry.isFile()))
        expect((await stat(join(file.parentPath, file.name))).nlink, file.name).toBe(1);
      await rename(`${repository}-away`, repository);
    }
  });

  test("may be a file URL, a linked worktree, or a bare one that borrows", async () => {
    const sha = await commit("one");
    expect((await check(`file://${repository}`, sha)).content).toBe("one");
    git("worktree", "add", "-q", "--detach", join(root, "repos", "tree"));
    expect((await check(join(root, "repos", "tree"), sha)).content).toBe("one");
    const bare = join(root, "repos", "bare.git");
    gitIn(root, "init", "-q", "--bare", bare);
    await writeFile(join(bare, "objects/info/alternates"), `${join(repository, ".git/objects")}\n`);
    expect((await check(bare, sha)).content).toBe("one");
  });

  test("may have blanks and other letters in its name", async () => {
    const sha = await commit("one");
    const odd = join(root, "repos", "mein Projekt ö");
    gitIn(root, "clone", "-q", repository, odd);
    expect((await check(odd, sha)).content).toBe("one");
  });

  test("outside of the allowed folders is refused, also through a link or ..", async () => {
    const sha = await commit("one");
    await mkdir(join(root, "allowed"));
    await symlink(repository, join(root, "allowed/link"));
    const allowedRoots = [join(root, "allowed")];
    for (const url of [
      repository,
      `file://${repository}`,
      join(root, "allowed/link"),
      `${root}/allowed/../repos/project`,
    ])
      await expect(check(url, sha, { allowedRoots })).rejects.toThrow("not in a folder that this runner may read");
  });

  test("case T1: beside a folder that is allowed and whose name its own begins with is refused, whichever exists", async () => {
    const sha = await commit("one");
    for (const name of ["proj", "projec", "project2"]) await mkdir(join(root, "repos", name));
    for (const allowed of ["repos/proj", "repos/projec", "repos/project2", "repos/proj/"])
      await expect(check(repository, sha, { allowedRoots: [join(root, allowed)] }), allowed).rejects.toThrow(
        "may read",
      );
    expect((await check(repository, sha, { allowedRoots: [`${join(root, "repos/project")}/`] })).content).toBe("one");
    expect((await check(repository, sha, { allowedRoots: ["/"] })).content).toBe("one");
  });

  test("case A8: with objects that lie, or are borrowed, outside of the allowed folders is refused, by a link too", async () => {
    const sha = await commit("one");
    const allowed = join(root, "allowed");
    const objects = join(repository, ".git/objects");
    gitIn(root, "init", "-q", "--bare", join(allowed, "borrows.git"));
    await writeFile(join(allowed, "borrows.git/objects/info/alternates"), `${objects}\n`);
    gitIn(root, "init", "-q", "--bare", join(allowed, "borrows-twice.git"));
    await writeFile(join(allowed, "borrows-twice.git/objects/info/alternates"), "../../borrows.git/objects\n");
    gitIn(root, "init", "-q", "--bare", join(allowed, "links.git"));
    await rm(join(allowed, "links.git/objects"), { recursive: true });
    await symlink(objects, join(allowed, "links.git/objects"));
    await mkdir(join(allowed, "points"));
    await writeFile(join(allowed, "points/.git"), `gitdir: ${join(repository, ".git")}\n`);
    for (const name of ["borrows.git", "borrows-twice.git", "links.git", "points"]) {
      const url = join(allowed, name);
      await expect(check(url, sha, { allowedRoots: [allowed] }), name).rejects.toThrow("outside of the folders");
      expect((await check(url, sha, { allowedRoots: [allowed, objects] })).content, name).toBe("one");
    }
  });

  test("case L15: that is a partial clone gives what it has, and else says what to do", async () => {
    const old = await commit("one");
    const sha = await commit("two");
    git("config", "uploadpack.allowFilter", "true");
    const partial = join(root, "repos", "partial");
    gitIn(root, "clone", "-q", "--filter=blob:none", `file://${repository}`, partial);
    gitIn(partial, "config", "remote.origin.uploadpack", `touch ${root}/fetched; git-upload-pack`);
    const { content, lines } = await check(partial, sha);
    expect(content).toBe("two");
    expect(lines[0]).toContain("without its history, of which a partial clone lacks some");
    await expect(check(partial, old)).rejects.toThrow(
      `${partial} is a partial clone, and lacks objects of this commit: \`git -C ${partial} fetch --refetch --no-filter\``,
    );
    expect(await readdir(root)).not.toContain("fetched");
  });

  test("case L4: a filter's program is not run, wherever it is configured; .gitattributes say how lines end", async () => {
    await writeFile(join(repository, ".gitattributes"), "*.txt filter=evil text eol=crlf\n");
    await commit("one\n");
    git("config", "filter.evil.smudge", `touch ${root}/smudged; cat`);
    const home = join(root, "home");
    await mkdir(home);
    await writeFile(join(home, ".gitconfig"), `[filter "evil"]\n\tsmudge = touch ${root}/smudged; cat\n\trequired\n`);
    const { url } = await serve(2);
    for (const from of [repository, `${url}/project/.git`]) {
      const { into } = await check(from, git("rev-parse", "HEAD"), {
        env: { HOME: home, PATH: process.env["PATH"] ?? "" },
      });
      expect(await readFile(join(into, "src/file.txt"), "utf8")).toBe("one\r\n");
    }
    expect(await readdir(root)).not.toContain("smudged");
  });

  test("neither its hooks nor the user's configuration run", async () => {
    const sha = await commit("one");
    const hook = join(repository, ".git/hooks/post-checkout");
    await writeFile(hook, `#!/bin/sh\ntouch ${root}/hooked\n`, { mode: 0o755 });
    await check(repository, sha);
    expect(await readdir(root)).not.toContain("hooked");
  });

  test("a commit that it does not have is a clear error", async () => {
    await commit("one");
    await expect(check(repository, "0".repeat(40))).rejects.toThrow(/git failed/);
  });
});

describe("a remote repository", () => {
  test("is fetched once, one commit deep, and then comes from the cache", async () => {
    await commit("one");
    const sha = await commit("two");
    const server = await serve(2);
    const first = await check(`${server.url}/project/.git`, sha);
    expect(first.content).toBe("two");
    expect(gitIn(first.into, "log", "--format=%s")).toBe("two");
    expect(gitIn(first.into, "status", "--porcelain")).toBe("");
    const fetches = server.fetches();
    const again = await check(`${server.url}/project/.git`, sha);
    expect(again.lines[0]).toContain("from the cache");
    expect(server.fetches()).toBe(fetches);
  });

  test("whose server hands out only branches is fetched with the branch", async () => {
    const old = await commit("one");
    await commit("two");
    const server = await serve(0);
    const { content, lines } = await check(`${server.url}/project/.git`, old, { branch: "main" });
    expect(content).toBe("one");
    expect(lines[0]).toContain("with its branch");
    await expect(check(`${server.url}/project/.git`, "1".repeat(40), { branch: "main" })).rejects.toThrow(/git failed/);
  });

  test("whose cache has lost objects, or is damaged, is fetched anew", async () => {
    const sha = await commit("one");
    const { url } = await serve(2);
    await check(`${url}/project/.git`, sha);
    const packs = join(await mirror(), "objects/pack");
    for (const name of await readdir(packs)) await rm(join(packs, name));
    expect((await check(`${url}/project/.git`, sha)).content).toBe("one");
    for (const name of await readdir(packs))
      if (name.endsWith(".pack")) {
        await rm(join(packs, name));
        await writeFile(join(packs, name), "no pack");
      }
    const { content, lines } = await check(`${url}/project/.git`, sha);
    expect(content).toBe("one");
    expect(lines[0]).toContain("rebuilt");
  });

  test("a network that is down does not cost the cache", async () => {
    const sha = await commit("one");
    const server = await serve(2);
    await check(`${server.url}/project/.git`, sha);
    const later = await commit("two");
    await server.close();
    await expect(check(`${server.url}/project/.git`, later)).rejects.toThrow(/git failed/);
    expect((await check(`${server.url}/project/.git`, sha)).content).toBe("one");
  });

  test("many at once share one mirror, also after a fetch was killed", async () => {
    const shas = [await commit("one"), await commit("two"), await commit("three")];
    const { url } = await serve(2);
    await check(`${url}/project/.git`, shas[0] ?? "");
    await writeFile(join(await mirror(), "shallow.lock"), "");
    const holder = spawn("flock", ["-x", `${await mirror()}.lock`, "sleep", "60"], { detached: true });
    await new Promise((resolve) => holder.once("spawn", resolve));
    process.kill(-(holder.pid ?? 0), "SIGKILL");
    const all = await Promise.all([...shas, ...shas].map((sha) => check(`${url}/project/.git`, sha)));
    expect(all.map(({ content }) => content)).toEqual(["one", "two", "three", "one", "two", "three"]);
  });

  test("credentials in its URL are in no message", async () => {
    const server = await serve(2);
    const url = server.url.replace("http://", "http://user:hunter2@");
    const error = await check(`${url}/none`, "0".repeat(40)).catch((caught: unknown) => caught);
    expect(String(error)).toMatch(/git failed/);
    expect(String(error)).not.toContain("hunter2");
  });

  test("a fetch that hangs ends with the signal", async () => {
    const url = "http://127.0.0.1:9/never";
    await expect(check(url, "0".repeat(40), { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow(
      "stopped",
    );
  });

  test("names that git could take for options or commands are refused", async () => {
    for (const url of [
      "--upload-pack=x",
      "/tmp/a\nb",
      "ext::sh -c id",
      "https://-x/y",
      "ssh://-oProxyCommand=x/y",
      "git@-x:y",
      "ssh://a@-x/y",
    ])
      await expect(check(url, "0".repeat(40))).rejects.toThrow("is not a URL");
    await expect(check("https://example.org/x", "--all")).rejects.toThrow("full SHA");
    await expect(check("https://example.org/x", "0".repeat(40), { branch: "-x" })).rejects.toThrow("no branch name");
  });
});
