import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CommandError } from "../../../cli/command-error.ts";
import { findServer } from "../../../cli/config/find-server.ts";
import { parseConfig } from "../../../cli/config/read-config.ts";
import { writePrivateFile } from "../../../cli/config/write-private-file.ts";
import type { CliEnvironment } from "../../../cli/environment.ts";
import { type FileLock, tryLock } from "../../../shared/lib/file-lock.ts";

let folder = "";
let lock: FileLock | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "baton-config-"));
});
afterEach(() => {
  lock?.release();
  lock = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function environment(more: Partial<CliEnvironment> = {}): CliEnvironment {
  return {
    url: undefined,
    token: undefined,
    configFile: join(folder, "config.yml"),
    cacheFolder: join(folder, "cache"),
    cwd: folder,
    debug: false,
    colour: { stdout: false, stderr: false },
    childEnv: {},
    ...more,
  };
}

const config = (url: string, token: string) =>
  writeFileSync(join(folder, "config.yml"), `url: ${url}\ntoken: ${token}\n`);

/** What a stack leaves in its folder. It lives as long as it has the lock. */
function localUp(url: string, token: string, pid = process.pid): void {
  mkdirSync(join(folder, ".baton/state"), { recursive: true });
  lock ??= tryLock(join(folder, ".baton/state/lock"));
  writeFileSync(join(folder, ".baton/state/stack.json"), JSON.stringify({ url, pid }));
  writeFileSync(join(folder, ".baton/state/token"), `${token}\n`);
}

async function problemsOf(text: string): Promise<string[]> {
  const error = await parseConfig(text, "c.yml").then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof CommandError ? [error.message, ...error.notes] : [];
}

describe("the config file is strict", () => {
  test.each([
    ["an unknown key", "url: http://x\ntokn: abc\n", ['c.yml:2:1: unknown key "tokn" (did you mean token?)']],
    ["a value of another type", "url:\n  a: 1\n", ["c.yml:2:3: url: must be text"]],
    ["a URL that is none", "token: abc\nurl: ftp://x\n", ["c.yml:2:6: url: must be an http or https URL"]],
    ["a list", "- a\n", ["c.yml:1:1: this file is a map of keys to values"]],
    [
      "all mistakes at once",
      "a: 1\nb: 2\n",
      ['c.yml:1:1: unknown key "a"; known are url, token', 'c.yml:2:1: unknown key "b"; known are url, token'],
    ],
  ])("%s has its position", async (_, text, problems) => {
    expect(await problemsOf(text)).toEqual(problems);
  });

  test.each(["url: [", "url: a\nurl: b\n", "a: *x\n"])("%j is a syntax error with a position", async (text) => {
    expect((await problemsOf(text))[0]).toMatch(/^c\.yml:\d+:\d+: /);
  });

  test("an empty file says nothing", async () => {
    expect(await parseConfig("", "c.yml")).toEqual({});
  });
});

describe("which control plane", () => {
  test("--url beats BATON_URL, that a stack that runs here, that the config file", async () => {
    config("http://config:1", "t-config");
    expect(await findServer(environment(), undefined)).toMatchObject({ url: "http://config:1", token: "t-config" });
    localUp("http://127.0.0.1:1", "t-local");
    expect(await findServer(environment(), undefined)).toMatchObject({ url: "http://127.0.0.1:1", token: "t-local" });
    const byEnvironment = environment({ url: "http://env:1", token: "t-env" });
    expect(await findServer(byEnvironment, undefined)).toMatchObject({ url: "http://env:1", token: "t-env" });
    expect(await findServer(byEnvironment, "http://opt:1")).toMatchObject({ url: "http://opt:1", token: "t-env" });
  });

  test("case L2: a stack that lives in another PID namespace is found, though its process id is nobody's here", async () => {
    const { pid = 0 } = spawnSync("true");
    localUp("http://127.0.0.1:1", "t-local", pid);
    expect(await findServer(environment(), undefined)).toMatchObject({ url: "http://127.0.0.1:1" });
  });

  test("a stack that was killed is not found, though its file names a process that lives", async () => {
    localUp("http://127.0.0.1:1", "t-local");
    lock?.release();
    lock = undefined;
    await expect(findServer(environment(), undefined)).rejects.toThrow(/no control plane is known/);
  });

  test("a state folder that came with a repository sends nobody's token to a stranger", async () => {
    for (const url of [
      "https://evil.example.com",
      "http://127.0.0.1.evil.example.com",
      "http://127.0.0.1@evil.example.com",
    ]) {
      localUp(url, "t-evil", 1);
      await expect(findServer(environment({ token: "t-env" }), undefined)).rejects.toThrow(
        /not what `baton up` writes/,
      );
    }
    localUp("http://localhost:4800", "t-local");
    expect(await findServer(environment(), undefined)).toMatchObject({ url: "http://localhost:4800" });
  });

  test("below a repository's root its stack is found; above one, nothing is", async () => {
    const below = join(folder, "src/deep");
    mkdirSync(below, { recursive: true });
    localUp("http://127.0.0.1:1", "t-local");
    const inside = environment({ cwd: below });
    await expect(findServer(inside, undefined)).rejects.toThrow(/no control plane is known/);
    mkdirSync(join(folder, ".git"));
    expect(await findServer(inside, undefined)).toMatchObject({ url: "http://127.0.0.1:1", token: "t-local" });
    mkdirSync(join(below, ".git"));
    await expect(findServer(inside, undefined)).rejects.toThrow(/no control plane is known/);
  });

  test("a kept token is never sent to another server", async () => {
    config("https://ci.example.com", "t-config");
    await expect(findServer(environment(), "https://evil.example.com")).rejects.toThrow(/no token for https:\/\/evil/);
    await expect(findServer(environment(), "http://ci.example.com")).rejects.toThrow(/no token/);
    expect(await findServer(environment(), "https://ci.example.com/")).toMatchObject({ token: "t-config" });
  });

  test("nothing known: one line says what to do", async () => {
    await expect(findServer(environment(), undefined)).rejects.toThrow(/baton up.*baton login/);
  });

  test("what is no URL is refused with where it came from", async () => {
    await expect(findServer(environment({ url: "nonsense", token: "t" }), undefined)).rejects.toThrow(/BATON_URL/);
  });
});

test("a kept token is for its owner alone, and replaced in one step", async () => {
  const file = join(folder, "new/config.yml");
  await writePrivateFile(file, "one");
  await writePrivateFile(file, "two");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, "new")).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(folder, "new"))).toEqual(["config.yml"]);
});

test("a private file that cannot be written is told with why, and leaves no draft", async () => {
  const file = join(folder, "config.yml");
  mkdirSync(file);
  await expect(writePrivateFile(file, "one")).rejects.toThrow(`cannot write ${file}: it is a folder`);
  expect(readdirSync(folder)).toEqual(["config.yml"]);
  writeFileSync(join(folder, "word"), "");
  await expect(writePrivateFile(join(folder, "word", "x.yml"), "one")).rejects.toThrow("a file is in its way");
});
