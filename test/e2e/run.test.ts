import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../shared/lib/clock.ts";
import { jobsReply } from "../../shared/protocol/runs.ts";
import { eventually } from "../support/eventually.ts";
import { baton, descendantsOf, isAlive, makePlace, type Place, type ProcessId } from "./cli-process.ts";

/** `baton run` the whole way: stack, runner and steps are real processes. */

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

const leftBehind = () => readdirSync(place.temp).filter((name) => name.startsWith("baton-run-"));
const allGone = (ids: readonly ProcessId[]) => eventually("every process ends", () => !ids.some(isAlive));

const SLEEPER = `jobs:
  sleep:
    run: |
      echo "the step is $$"
      sleep 300
`;

/** Starts a run, and waits until its step runs. */
async function sleeping(pipeline = SLEEPER) {
  place.write({ ".baton/ci.yml": pipeline });
  const process = baton(place, ["run"]);
  await process.sees("the step is");
  const below = descendantsOf(process.child.pid ?? 0);
  expect(below.length).toBeGreaterThan(3);
  return { ...process, below };
}

describe("a run of the working tree", () => {
  test.each([
    ["from bundled packages", {}],
    ["from the packages themselves", { BATON_BUNDLED_PACKAGES: "off" }],
  ])("jobs stream behind their names, artifacts pass on, and the table ends it: %s", async (_how, env) => {
    place.write({
      "hello.yml": `jobs:
  greet: {run: "mkdir out; echo hi > out/g; echo greeting", artifacts: {paths: [out/g]}}
  shout: {needs: greet, artifacts: {from: [greet]}, run: "tr a-z A-Z < out/g"}
`,
    });
    const { code, stdout, stderr } = await baton(place, ["run", "hello.yml"], { env }).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("greet │ greeting\n");
    expect(stdout).toContain("shout │ HI\n");
    expect(stdout).toMatch(/JOB +CHECK +ATTEMPTS +DURATION +ARTIFACTS\ngreet +✔ passed +1 +<?[\d.]+s +1 file, /);
    expect(leftBehind()).toEqual([]);
  });

  test("untracked files are there, ignored ones are not, and the repository stays as it was", async () => {
    const git = (...args: string[]) => execFileSync("git", args, { cwd: place.project, encoding: "utf8" });
    git("init", "-q");
    place.write({
      "new.txt": "new",
      "x.log": "ignored",
      ".gitignore": "*.log\n",
      ".baton/ci.yml": "jobs: {ls: {run: ls -a}}\n",
    });
    const { code, stdout } = await baton(place, ["run"]).ended;
    expect(code).toBe(0);
    expect(stdout).toContain("ls │ new.txt\n");
    expect(stdout).not.toContain("x.log");
    expect(git("status", "--porcelain")).toBe("?? .baton/\n?? .gitignore\n?? new.txt\n");
  });

  test("case L20: with its temporary folder in the tree, and keys too, none of it is in what jobs see", async () => {
    execFileSync("git", ["init", "-q"], { cwd: place.project });
    place.write({
      "a.txt": "a",
      "tmp/mine.txt": "m",
      "config/baton/config.yml": "token: t",
      "secrets.env": "KEY=correct-horse-battery",
      ".baton/ci.yml": "jobs: {ls: {secrets: [KEY], run: 'find . -type f -not -path \"./.git/*\" | sort'}}\n",
    });
    const at = (name: string) => join(place.project, name);
    const env = { TMPDIR: at("tmp"), XDG_CONFIG_HOME: at("config"), XDG_CACHE_HOME: at("tmp") };
    const { code, stdout, stderr } = await baton(place, ["run", "--secrets-file", "secrets.env"], { env }).ended;
    expect(code).toBe(0);
    expect(stdout.match(/(?<=ls │ )(?!---).*/g)).toEqual(["./.baton/ci.yml", "./a.txt", "./tmp/mine.txt"]);
    expect(stderr).toMatch(/^baton: not in the jobs: the file of --secrets-file: secrets.env$/m);
    expect(readdirSync(at("tmp"))).toEqual(["mine.txt"]);
  });

  test("case L15: a sparse, partial clone with a submodule is run as it is, and what is not there is named", async () => {
    const git = (cwd: string, ...args: string[]) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always", ...args], {
        cwd: join(place.project, cwd),
        stdio: "pipe",
      });
    place.write({
      "lib/l.txt": "l",
      "origin/in/b.txt": "b",
      "origin/out/c.txt": "c",
      "origin/.baton/ci.yml":
        "jobs: {ls: {run: 'find . -type f -not -path \"./.git/*\" | sort; cat vendor/lib/l.txt'}}\n",
    });
    for (const cwd of ["lib", "origin"]) git(cwd, "init", "-q", "-b", "trunk");
    git("lib", "add", "-A");
    git("lib", "commit", "-qm", "lib");
    git("origin", "submodule", "add", "-q", join(place.project, "lib"), "vendor/lib");
    git("origin", "config", "uploadpack.allowFilter", "true");
    git("origin", "add", "-A");
    git("origin", "commit", "-qm", "first");
    git(".", "clone", "-q", "--filter=blob:none", "--sparse", `file://${join(place.project, "origin")}`, "clone");
    git("clone", "sparse-checkout", "set", "in", ".baton", "vendor");
    git("clone", "submodule", "update", "-q", "--init");
    place.write({ "clone/vendor/lib/l.txt": "edited" });
    const clone = { ...place, project: join(place.project, "clone") };
    const { code, stdout, stderr } = await baton(clone, ["run"]).ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^baton: outside of the sparse checkout, and not in the jobs: out\/.*; `git sparse-checkout disable` brings them\n$/,
    );
    expect(stdout.match(/(?<=ls │ )(?!---).*/g)).toEqual([
      ...["./.baton/ci.yml", "./.gitmodules", "./in/b.txt", "./vendor/lib/l.txt", "edited"],
    ]);
  });

  test("--json is one document on stdout, and --artifacts unpacks", async () => {
    place.write({ ".baton/ci.yml": "jobs: {make: {run: mkdir d; echo 1 > d/f, artifacts: {paths: [d]}}}\n" });
    const { code, stdout, stderr } = await baton(place, ["run", "--json", "--artifacts", "out"]).ended;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(jobsReply.parse(JSON.parse(stdout)).run.state).toBe("succeeded");
    expect(readFileSync(join(place.project, "out/make/d/f"), "utf8")).toBe("1\n");
  });

  test("secrets come from the runner's file, and do not show", async () => {
    place.write({
      ".baton/ci.yml": `jobs: {use: {secrets: [KEY], run: 'echo "key $KEY, \${#KEY} long"'}}\n`,
      "secrets.env": "KEY=correct-horse-battery\n",
    });
    const { code, stdout } = await baton(place, ["run", "--secrets-file", "secrets.env"]).ended;
    expect(code).toBe(0);
    expect(stdout).toContain("use │ key ***, 21 long\n");
  });
});

describe("exit codes", () => {
  test("1 when a check failed, and what needs it is skipped", async () => {
    place.write({ ".baton/ci.yml": "jobs:\n  bad: {run: exit 3}\n  next: {needs: bad, run: 'true'}\n" });
    const { code, stdout } = await baton(place, ["run"]).ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/bad +✘ failed/);
    expect(stdout).toMatch(/next +– skipped/);
    expect(leftBehind()).toEqual([]);
  });

  test("2 with every problem when the pipeline is wrong, and nothing is started", async () => {
    place.write({ ".baton/ci.yml": "jobs:\n  a: {runn: x}\n  b: {run: x, needs: c}\n" });
    const { code, stdout, stderr } = await baton(place, ["run"]).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(".baton/ci.yml:2:7: ");
    expect(stderr).toContain(".baton/ci.yml:3:");
    expect(leftBehind()).toEqual([]);
  });

  test("2 when there is no pipeline", async () => {
    const { code, stderr } = await baton(place, ["run"]).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^baton: cannot read \.baton\/ci\.yml: there is no such file\nname a file, or write this one/,
    );
  });

  test("2 in a folder below the repository's pipeline, and names it", async () => {
    place.write({ ".git/HEAD": "", ".baton/ci.yml": "jobs: {a: {run: ls}}\n", "src/x": "" });
    const { code, stderr } = await baton({ ...place, project: join(place.project, "src") }, ["run"]).ended;
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `baton: cannot read .baton/ci.yml: there is no such file\nname a file; this repository's is ../.baton/ci.yml\n`,
    });
  });
});

describe("the end, however it comes, leaves nothing behind", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s cancels the run and waits for its end", async (signal, code) => {
    const { child, ended, below } = await sleeping();
    child.kill(signal);
    const end = await ended;
    expect(end.code).toBe(code);
    expect(end.stdout).toMatch(/sleep +– canceled/);
    expect(end.stdout).toMatch(new RegExp(`canceled in .*: ${signal} to baton run`));
    await allGone(below);
    expect(leftBehind()).toEqual([]);
  });

  /** A heartbeat would bring the cancellation after 12 s at the earliest: the runner is nudged. */
  test("a canceled step hears of it at once, and its last words are shown", async () => {
    const { child, ended, sees } = await sleeping(
      "jobs:\n  s:\n    run: |\n      trap 'echo cleaned up; exit 1' TERM\n      echo the step is $$\n      while :; do sleep 0.1; done\n",
    );
    const killedAtMs = systemClock.monotonicMs();
    child.kill("SIGINT");
    await sees("s │ cleaned up\n");
    expect(systemClock.monotonicMs() - killedAtMs).toBeLessThan(12_000);
    await ended;
  });

  test("a second Ctrl-C kills a step that does not listen", async () => {
    const deaf =
      "jobs:\n  deaf:\n    run: |\n      trap '' TERM INT\n      echo the step is $$\n      sleep 300 & wait\n      sleep 300\n";
    const { child, ended, below, sees } = await sleeping(deaf);
    child.kill("SIGINT");
    await sees("canceling");
    // Two signals within a moment are one: the later ones are sent until one is taken for another. No longer: Node lets
    // a process that is ending die of the signal, and its exit code is gone.
    const isHeard = sees("baton: killed").then(() => true);
    await eventually("the second is told from the first", async () => {
      child.kill("SIGINT");
      return Promise.race([isHeard, wait(100, false)]);
    });
    expect((await ended).code).toBe(130);
    await allGone(below);
    expect(leftBehind()).toEqual([]);
  });

  test("SIGHUP ends all at once", async () => {
    const { child, ended, below } = await sleeping();
    child.kill("SIGHUP");
    expect((await ended).code).toBe(129);
    await allGone(below);
    expect(leftBehind()).toEqual([]);
  });

  test("a reader that goes away ends it", async () => {
    place.write({ ".baton/ci.yml": "jobs: {talk: {run: 'while :; do echo the step is talking; sleep 0.1; done'}}\n" });
    const { child, ended, sees } = baton(place, ["run"]);
    await sees("the step is");
    const below = descendantsOf(child.pid ?? 0);
    child.stdout?.destroy();
    expect((await ended).code).toBe(141);
    await allGone(below);
    expect(leftBehind()).toEqual([]);
  });

  test("kill -9 leaves no process, and the next run removes the folder", async () => {
    const { child, ended, below } = await sleeping();
    child.kill("SIGKILL");
    await ended;
    await allGone(below);
    // Others' folders are removed beside the run, from its second second on.
    place.write({ ".baton/ci.yml": "jobs: {a: {run: 'sleep 3'}}\n" });
    expect((await baton(place, ["run"]).ended).code).toBe(0);
    expect(leftBehind()).toEqual([]);
  });
});
