import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootClock } from "../../runner/boot-clock.ts";
import type { Execution, Executor, StepEnd } from "../../runner/executors/executor.ts";
import { makeProcessExecutor } from "../../runner/executors/process.ts";
import { openSandbox, type Sandbox } from "../../runner/sandbox/open-sandbox.ts";
import { eventually } from "../support/eventually.ts";

/** Steps in a sandbox: how they start and end. What they can see is e2e/up-sandbox.test.ts. */

const folder = mkdtempSync(join(tmpdir(), "baton-sandbox-"));
const PATH = process.env["PATH"] ?? "";
const opened = await openSandbox({ path: PATH, hide: [folder], readOnly: [], expose: [] }, ["own", "foreign"], folder);

let plain: Executor;
const executors: Executor[] = [];
let attempts = 0;

beforeAll(() => {
  if (!("why" in opened)) plain = makeExecutor(opened);
});
afterAll(async () => {
  await Promise.all(executors.map((one) => one.close()));
  rmSync(folder, { recursive: true });
});

function makeExecutor(sandbox: Sandbox): Executor {
  const executor = makeProcessExecutor({
    folder: mkdtempSync(join(folder, "executor-")),
    slots: 4,
    keepWorkspace: false,
    clock: bootClock,
    watchdogEnvironment: { PATH },
    sandbox: { made: Promise.resolve(sandbox), trustOf: (pool) => (pool === "own" ? "own" : "foreign") },
  });
  executors.push(executor);
  return executor;
}

async function hold(options: { killInMs?: number; pool?: string; sandbox?: Sandbox } = {}) {
  attempts += 1;
  const executor = options.sandbox === undefined ? plain : makeExecutor(options.sandbox);
  const cookie = `run/job/${attempts}/${Math.random()}`;
  const chunks: Buffer[] = [];
  const killAtMs = bootClock.monotonicMs() + (options.killInMs ?? 60_000);
  const execution = await executor.start({
    cookie,
    place: { job: `run/job-${attempts}`, from: [] },
    pool: options.pool ?? "own",
    output: (bytes) => void chunks.push(Buffer.from(bytes)),
    release: { url: "http://127.0.0.1:1/", token: "lease" },
    killAtMs,
    expiresAtMs: killAtMs + 2_000,
  });
  const env = { PATH, BATON_ATTEMPT: cookie };
  const run = (command: string[], more: Record<string, string> = {}): Promise<StepEnd> =>
    execution.run({ command, cwd: execution.seen.workspace, env: { ...env, ...more } });
  return {
    execution,
    output: () => Buffer.concat(chunks).toString("utf8"),
    run,
    sh: (script: string, more?: Record<string, string>) => run(["sh", "-ec", script], more),
  };
}

/** Processes on the whole host whose arguments hold the text: what a sandbox left behind. */
function withArgument(text: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text);
    } catch {
      return false; // it ended meanwhile
    }
  });
}

async function end(execution: Execution): Promise<void> {
  expect(await execution.stop(0)).toMatchObject({ clean: true });
  await execution.close();
}

const EXITED_0: StepEnd = { kind: "exited", exitCode: 0 };

/** A sandbox has a /tmp of its own: from a clone that lies there, nothing of it is seen. */
const IS_BELOW_TMP = import.meta.dirname.startsWith("/tmp/");

describe.skipIf("why" in opened)("a sandbox", () => {
  test.each(["own", "foreign"])("case L6, L7: %s steps have short folders, the same for each attempt", async (pool) => {
    for (const _ of [1, 2]) {
      const { execution, sh, output } = await hold({ pool });
      expect(execution.seen).toMatchObject({
        workspace: "/run/baton/workspace",
        home: "/run/baton/home",
        temporary: "/tmp",
      });
      expect(await sh("pwd; ls -A . /tmp /run/baton/home; touch a /tmp/b /run/baton/home/c; umask")).toEqual(EXITED_0);
      expect(output().split("\n")[0]).toBe("/run/baton/workspace");
      expect(readdirSync(execution.folders.workspace)).toEqual(["a"]);
      await end(execution);
    }
  });

  test("a step ends as it ends outside: by its exit code, its signal, its refusal", async () => {
    const { execution, run, sh, output } = await hold();
    expect(await sh("echo out; echo err >&2; echo pipe > /dev/stderr; exit 7")).toEqual({
      kind: "exited",
      exitCode: 7,
    });
    expect(output()).toBe("out\nerr\npipe\n");
    expect(await sh("kill -SEGV $$")).toEqual({ kind: "signaled", signal: "SIGSEGV" });
    expect(await run(["no-such-shell"])).toMatchObject({ kind: "refused", code: "ENOENT" });
    expect(await sh("true", { LONG: "x".repeat(200_000) })).toMatchObject({ kind: "refused", code: "E2BIG" });
    await end(execution);
  });

  test("its environment is the step's alone, whatever its values hold, and chooses nothing outside", async () => {
    const { execution, sh, output } = await hold();
    const odd = "a 'quoted' $(touch /tmp/ran) `x` \\ \n second line";
    expect(await sh('printf %s "$ODD"; ls -A /tmp', { ODD: odd })).toEqual(EXITED_0);
    expect(output()).toBe(odd);
    const outside = await sh("env | cut -d= -f1 | sort | tr '\\n' ' '", { LD_PRELOAD: "/run/baton/workspace/none.so" });
    expect(outside).toEqual(EXITED_0);
    expect(output()).toContain("BATON_ATTEMPT");
    await end(execution);
  });

  test("what cleared its environment and left its session ends with the attempt, in a PID namespace of its own too", async () => {
    const { execution, sh } = await hold();
    const mark = `${4_711 + Math.floor(Math.random() * 1e6)}.25`;
    await sh(
      `env -i setsid sleep ${mark} & env -i unshare --user --map-root-user --pid --fork setsid sleep ${mark} & sleep 0.3`,
    );
    await eventually("both run", () => withArgument(mark).length >= 2);
    await end(execution);
    expect(withArgument(mark)).toEqual([]);
  });

  test.each([
    ["own", true],
    ["foreign", false],
  ] as const)("what is exposed is there for %s steps, and what is hidden in it is not", async (pool, writable) => {
    const shared = mkdtempSync(join(tmpdir(), "baton-exposed-"));
    mkdirSync(join(shared, "above", "hidden"), { recursive: true });
    for (const name of ["seen", "above/hidden/key"]) writeFileSync(join(shared, name), "content\n");
    const expose = [shared];
    const made = await openSandbox(
      { path: PATH, hide: [folder, join(shared, "above/hidden")], readOnly: [], expose },
      ["own"],
      folder,
    );
    if ("why" in made) throw new Error(made.why);
    const { execution, sh, output } = await hold({ pool, sandbox: made });
    const script = `cat ${shared}/seen; ls -A ${shared}/above/hidden; mv ${shared}/above ${shared}/moved; touch ${shared}/new; echo $?`;
    expect(await sh(`set +e; { ${script}; } 2>/dev/null`)).toEqual(EXITED_0);
    expect(output()).toBe(`content\n${writable ? 0 : 1}\n`);
    await end(execution);
    expect(readdirSync(shared).sort()).toEqual(["above", ...(writable ? ["new"] : []), "seen"]);
    rmSync(shared, { recursive: true });
  });

  test.skipIf(IS_BELOW_TMP)(
    "case A2: what is to be hidden and is made after the runner's start is hidden from the next attempt",
    async () => {
      const cache = join(import.meta.dirname, "../../node_modules/.cache");
      mkdirSync(cache, { recursive: true });
      const home = mkdtempSync(join(cache, "home-"));
      try {
        const hide = [folder, join(home, ".aws"), join(home, ".netrc")];
        const sandbox = await openSandbox({ path: PATH, hide, readOnly: [home], expose: [] }, ["own"], folder);
        if ("why" in sandbox) throw new Error(sandbox.why);
        mkdirSync(join(home, ".aws"));
        writeFileSync(join(home, ".aws/credentials"), "key");
        writeFileSync(join(home, ".netrc"), "password");
        const { execution, sh, output } = await hold({ sandbox });
        expect(await sh(`cd ${home}; ls -A; ls -A .aws; cat .netrc`)).toEqual(EXITED_0);
        expect(output()).toBe(".aws\n.netrc\n");
        await end(execution);
      } finally {
        rmSync(home, { recursive: true });
      }
    },
  );

  test("SIGTERM, the grace time, SIGKILL", async () => {
    const { execution, sh, output } = await hold();
    const running = sh(
      "(trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.05 || :; done) & trap '' TERM; echo up; while :; do sleep 0.05; done",
    );
    await eventually("both traps are set", () => output().match(/up/g)?.length === 2);
    const startedAtMs = bootClock.monotonicMs();
    expect(await execution.stop(400)).toMatchObject({ clean: true });
    expect(bootClock.monotonicMs() - startedAtMs).toBeGreaterThanOrEqual(380);
    expect(await running).toMatchObject({ kind: "signaled", signal: "SIGKILL" });
    expect(output().match(/bye/g)?.length).toBe(1);
    await execution.close();
  });

  test("a step that kills all that it can, or stops itself, ends the attempt no other way", async () => {
    const { execution, sh, output } = await hold();
    expect(await sh("sleep 100 & kill -9 -1; echo alone")).toEqual(EXITED_0);
    expect(await sh("(sleep 0.2; kill -CONT $$) & kill -STOP $$; echo on")).toEqual(EXITED_0);
    expect(output()).toContain("alone\non\n");
    await end(execution);
  });

  test("orphans are reaped: nobody waits for a zombie", async () => {
    const { execution, sh } = await hold();
    expect(
      await sh("sh -c 'sleep 0.1 & echo $! > pid'; while kill -0 $(cat pid) 2>/dev/null; do sleep 0.05; done"),
    ).toEqual(EXITED_0);
    await end(execution);
  });

  test.skipIf(IS_BELOW_TMP)("it ends at the deadline, and with a watchdog that is killed", async () => {
    const mark = `${8_000 + Math.floor(Math.random() * 1e6)}.5`;
    const late = await hold({ killInMs: 500 });
    const running = late.sh(`trap '' TERM; env -i setsid sleep ${mark} & sleep ${mark}; wait`);
    expect(await late.execution.lost).toEqual({ kind: "fenced", clean: true });
    expect(await running).toEqual({ kind: "lost" });
    expect(withArgument(mark)).toEqual([]);
    await late.execution.close();

    const orphaned = await hold();
    const step = orphaned.sh(`env -i setsid sleep ${mark} & echo up; sleep ${mark}`);
    await eventually("it runs", () => orphaned.output().includes("up"));
    const [first = ""] = withArgument(join(folder, "")).filter((pid) => !withArgument("vitest").includes(pid));
    const parents = execFileSync("ps", ["-o", "ppid=", "-p", first], { encoding: "utf8" });
    expect(Number(parents)).toBeGreaterThan(1);
    killWatchdogOf(Number(parents));
    expect(await orphaned.execution.lost).toEqual({ kind: "executor_died", clean: true });
    expect(await step).toEqual({ kind: "lost" });
    expect(withArgument(mark)).toEqual([]);
    await orphaned.execution.close();
  });
});

/** The watchdog is the nearest process above that runs its program. */
function killWatchdogOf(pid: number): void {
  for (let above = pid; above > 1; ) {
    if (readFileSync(`/proc/${above}/cmdline`, "latin1").includes("watchdog/main.ts")) {
      process.kill(above, "SIGKILL");
      return;
    }
    above = Number(execFileSync("ps", ["-o", "ppid=", "-p", String(above)], { encoding: "utf8" }));
  }
  throw new Error(`no watchdog above ${pid}`);
}
