import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootClock } from "../../runner/boot-clock.ts";
import type { Execution, Executor, StepEnd } from "../../runner/executors/executor.ts";
import { makeProcessExecutor } from "../../runner/executors/process.ts";
import { findMembers, type Member } from "../../runner/watchdog/find-members.ts";
import { eventually } from "../support/eventually.ts";
import { isAlive } from "../support/processes.ts";

/** The process executor and its watchdogs, with real processes. */

const folder = mkdtempSync(join(tmpdir(), "baton-executor-"));
let executor: Executor;
let attempts = 0;

beforeAll(() => {
  executor = makeProcessExecutor({
    folder,
    slots: 4,
    keepWorkspace: false,
    clock: bootClock,
    watchdogEnvironment: { PATH: process.env["PATH"] ?? "" },
  });
});

afterAll(async () => {
  await executor.close();
  rmSync(folder, { recursive: true });
});

interface Held {
  readonly execution: Execution;
  readonly cookie: string;
  output(): string;
  bytes(): Buffer;
  sh(script: string): Promise<StepEnd>;
  alive(): Member[];
}

async function hold(lease: { killInMs?: number; releaseUrl?: string } = {}): Promise<Held> {
  attempts += 1;
  const cookie = `run/job/${attempts}/${Math.random()}`;
  const chunks: Buffer[] = [];
  const nowMs = bootClock.monotonicMs();
  const killAtMs = nowMs + (lease.killInMs ?? 60_000);
  const execution = await executor.start({
    cookie,
    place: { job: `run/job-${attempts}`, from: [] },
    pool: undefined,
    output: (bytes) => void chunks.push(Buffer.from(bytes)),
    release: { url: lease.releaseUrl ?? "http://127.0.0.1:1/", token: "lease" },
    killAtMs,
    expiresAtMs: killAtMs + 2_000,
  });
  const env = { PATH: process.env["PATH"] ?? "", BATON_ATTEMPT: cookie };
  return {
    execution,
    cookie,
    output: () => Buffer.concat(chunks).toString("utf8"),
    bytes: () => Buffer.concat(chunks),
    sh: (script) => execution.run({ command: ["sh", "-ec", script], cwd: execution.folders.workspace, env }),
    alive: () => findMembers({ cookie, leaders: new Set() }),
  };
}

const EXITED_0: StepEnd = { kind: "exited", exitCode: 0 };

test("output of both streams comes in order, without the runner's markers", async () => {
  const held = await hold();
  expect(await held.sh("echo one; echo two >&2; echo three")).toEqual(EXITED_0);
  expect(held.output()).toBe("one\ntwo\nthree\n");
  expect(await held.sh("printf 'no newline'; exit 7")).toEqual({ kind: "exited", exitCode: 7 });
  await held.execution.stop(0);
  expect(held.output()).toBe("one\ntwo\nthree\nno newline");
  await held.execution.close();
});

test("a step can open /dev/stdout and /dev/stderr, and reads nothing from its standard input", async () => {
  const held = await hold();
  await held.sh("echo a > /dev/stdout; echo b > /dev/stderr; cat; echo c | tee /dev/stderr > /dev/null");
  expect(held.output()).toBe("a\nb\nc\n");
  await held.execution.stop(0);
  await held.execution.close();
});

test("bytes that are no UTF-8 arrive as they are", async () => {
  const held = await hold();
  await held.sh("printf '\\377\\000\\376 \\000baton'");
  expect(held.bytes()).toEqual(Buffer.from([0xff, 0, 0xfe, 0x20, 0, ...Buffer.from("baton")]));
  await held.execution.stop(0);
  await held.execution.close();
});

test("a shell that does not exist is a refusal, not a crash", async () => {
  const { execution } = await hold();
  const cwd = execution.folders.workspace;
  const missing = await execution.run({ command: ["no-such-shell", "-e"], cwd, env: { PATH: "/usr/bin" } });
  expect(missing).toMatchObject({ kind: "refused", code: "ENOENT" });
  const notExecutable = await execution.run({ command: ["/etc/passwd"], cwd, env: {} });
  expect(notExecutable).toMatchObject({ kind: "refused", code: "EACCES" });
  const tooLong = await execution.run({ command: ["sh", "-c", "true"], cwd, env: { LONG: "x".repeat(4_000_000) } });
  expect(tooLong).toMatchObject({ kind: "refused", code: "E2BIG" });
  await execution.stop(0);
  await execution.close();
});

test("a step that a signal ended says which", async () => {
  const held = await hold();
  expect(await held.sh("kill -SEGV $$")).toEqual({ kind: "signaled", signal: "SIGSEGV" });
  await held.execution.stop(0);
  await held.execution.close();
});

test("a background process outlives its step, not its attempt, and what it prints meanwhile is kept", async () => {
  const held = await hold();
  expect(await held.sh("(while :; do echo tick; sleep 0.02; done) & echo started")).toEqual(EXITED_0);
  const before = held.output().length;
  expect(await held.sh("sleep 0.2")).toEqual(EXITED_0);
  expect(held.output().length).toBeGreaterThan(before);
  expect(held.alive().length).toBeGreaterThan(0);
  expect(await held.execution.stop(1_000)).toMatchObject({ clean: true });
  expect(held.alive()).toEqual([]);
  await held.execution.close();
});

test("a step's end is seen at once while a background process floods the pipe", async () => {
  const held = await hold();
  const startedAtMs = bootClock.monotonicMs();
  await held.sh("yes & sleep 0.1");
  await held.execution.stop(0);
  expect(bootClock.monotonicMs() - startedAtMs).toBeLessThan(2_000);
  await held.execution.close();
});

test("what ignores SIGTERM is killed after the grace time, what does not has time to say goodbye", async () => {
  const held = await hold();
  const running = held.sh(
    "(trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.05 || :; done) & trap '' TERM; echo up; while :; do sleep 0.05; done",
  );
  await eventually("both traps are set", () => held.output().match(/up/g)?.length === 2);
  const startedAtMs = bootClock.monotonicMs();
  expect(await held.execution.stop(400)).toMatchObject({ clean: true });
  expect(bootClock.monotonicMs() - startedAtMs).toBeGreaterThanOrEqual(380);
  expect(await running).toMatchObject({ kind: "signaled", signal: "SIGKILL" });
  expect(held.output()).toContain("bye");
  await held.execution.close();
});

test("a process that leaves the session is found by the cookie, one that clears its environment by the session", async () => {
  const held = await hold();
  await held.sh(
    "setsid sh -c 'echo $$ > escaped; exec sleep 100' & env -i sleep 100 & set -m; env -i PATH=/usr/bin:/bin sh -c 'echo $$ > group; exec sleep 100' & sleep 0.1",
  );
  const workspace = held.execution.folders.workspace;
  const pids = ["escaped", "group"].map((name) => Number(readFileSync(join(workspace, name), "utf8")));
  expect(pids.map(isAlive)).toEqual([true, true]);
  expect(await held.execution.stop(0)).toMatchObject({ clean: true, killed: 3 });
  expect(pids.map(isAlive)).toEqual([false, false]);
  await held.execution.close();
});

/** Without an environment, in a process group of its own, in the background; its id is in the file. */
const ALONE = `env -i $(command -v python3) -c 'import os
os.setpgid(0, 0)
open("pid", "w").write(str(os.getpid()))
os.execv("/bin/sleep", ["sleep", "100"])' &
while [ ! -s pid ]; do sleep 0.01; done`;

test("case T: what cleared its environment and left the group, but not the session, ends with the attempt", async () => {
  const held = await hold();
  await held.sh(ALONE);
  const pid = Number(readFileSync(join(held.execution.folders.workspace, "pid"), "utf8"));
  expect(isAlive(pid)).toBe(true);
  expect(await held.execution.stop(0)).toMatchObject({ clean: true, killed: 1 });
  expect(isAlive(pid)).toBe(false);
  await held.execution.close();
});

test("case T: what left the session, too, but is still the child of a step, ends with the attempt", async () => {
  const held = await hold();
  // setsid --wait stays its parent, a member by its group.
  const running = held.sh("env -i setsid --wait sh -c 'echo $$ > pid; exec sleep 100'");
  const file = join(held.execution.folders.workspace, "pid");
  const pid = await eventually("it runs", () => existsSync(file) && Number(readFileSync(file, "utf8")));
  expect(await held.execution.stop(0)).toMatchObject({ clean: true });
  expect(isAlive(pid)).toBe(false);
  await running;
  await held.execution.close();
});

test("case L3: each process gets one SIGTERM, then the grace time", async () => {
  const held = await hold();
  const counts = (name: string) => `trap "echo ${name} >> terms" TERM; echo up; while :; do sleep 0.02 || :; done`;
  // Many more in the group, so that between two rounds of signals there is time for a first one to be taken.
  const running = held.sh(
    `for i in $(seq 400); do sleep 100 & done; sh -c '${counts("child")}' & setsid sh -c '${counts("away")}' & set -m; sh -c '${counts("group")}' & ${counts("step")}`,
  );
  await eventually("all traps are set", () => held.output().match(/up/g)?.length === 4);
  const startedAtMs = bootClock.monotonicMs();
  expect(await held.execution.stop(600)).toMatchObject({ clean: true });
  expect(bootClock.monotonicMs() - startedAtMs).toBeGreaterThanOrEqual(580);
  const terms = readFileSync(join(held.execution.folders.workspace, "terms"), "utf8");
  expect(terms.trim().split("\n").sort()).toEqual(["away", "child", "group", "step"]);
  await running;
  await held.execution.close();
});

test("a stopped process is ended too", async () => {
  const held = await hold();
  await held.sh("sleep 100 & kill -STOP $!");
  expect(await held.execution.stop(200)).toMatchObject({ clean: true });
  expect(held.alive()).toEqual([]);
  await held.execution.close();
});

test("an escaped process of an ended attempt cannot write into the next attempt's output", async () => {
  const first = await hold();
  // Clears its environment and leaves the session: the one that the process executor does not hold.
  await first.sh("env -i setsid sh -c 'echo $$ > pid; while :; do echo intruder; sleep 0.02; done' & sleep 0.1");
  const escaped = Number(readFileSync(join(first.execution.folders.workspace, "pid"), "utf8"));
  await first.execution.stop(0);
  await first.execution.close();
  const second = await hold();
  await second.sh("sleep 0.1; echo mine");
  expect(second.output()).toBe("mine\n");
  await second.execution.stop(0);
  await second.execution.close();
  await eventually("its output is closed", () => !isAlive(escaped));
});

test("a step that takes the marker out of the pipe does not hang the attempt", async () => {
  const held = await hold();
  await held.sh("(cat < /proc/self/fd/1 > /dev/null) & sleep 0.1");
  expect(await held.execution.stop(0)).toMatchObject({ clean: true });
  await held.execution.close();
});

test("when the deadline passes the steps are ended and the lease is given back, though nobody told the watchdog", async () => {
  const held = await hold({ killInMs: 300 });
  const running = held.sh("trap '' TERM; sleep 100 & wait; wait");
  expect(await held.execution.lost).toEqual({ kind: "fenced", clean: true });
  expect(await running).toEqual({ kind: "lost" });
  expect(held.alive()).toEqual([]);
  await held.execution.close();
});

test("no step of an attempt starts whose deadline had passed before a watchdog held it: its runner had slept", async () => {
  const held = await hold({ killInMs: -1 });
  expect(await held.sh("touch started; echo started")).toEqual({ kind: "lost" });
  expect(await held.execution.lost).toEqual({ kind: "fenced", clean: true });
  expect(held.output()).toBe("");
  await held.execution.close();
});

test("a renewed deadline keeps the steps alive", async () => {
  const held = await hold({ killInMs: 2_000 });
  const killAtMs = bootClock.monotonicMs() + 60_000;
  held.execution.renew({ killAtMs, expiresAtMs: killAtMs + 1_000 });
  expect(await held.sh("sleep 2.1")).toEqual(EXITED_0);
  await held.execution.stop(0);
  await held.execution.close();
});

test("a watchdog that is killed takes its steps with it, by the runner's hand", async () => {
  const held = await hold();
  const running = held.sh("echo $PPID; sleep 100 & setsid sleep 100 & wait");
  const watchdog = Number(await eventually("the step runs", () => held.output().trim() || undefined));
  process.kill(watchdog, "SIGKILL");
  expect(await held.execution.lost).toEqual({ kind: "executor_died", clean: true });
  expect(await running).toEqual({ kind: "lost" });
  expect(held.alive()).toEqual([]);
  await held.execution.close();
  const next = await hold();
  expect(await next.sh("true")).toEqual(EXITED_0);
  await next.execution.stop(0);
  await next.execution.close();
});

test("the lease token is in no environment and no argument that a step can read", async () => {
  const held = await hold();
  await held.sh("cat /proc/$PPID/environ /proc/$PPID/cmdline /proc/self/environ | tr '\\0' '\\n'");
  expect(held.output()).toContain("watchdog/main.ts");
  expect(held.output()).not.toMatch(/lease|127\.0\.0\.1:1/);
  await held.execution.stop(0);
  await held.execution.close();
});

test("each attempt has its own empty workspace, readable by its user alone, gone afterwards", async () => {
  const held = await hold();
  await held.sh(
    "ls -A; stat -c %a .; mkdir -p locked/inside; touch locked/inside/file; chmod 500 locked locked/inside",
  );
  expect(held.output()).toBe("700\n");
  await held.execution.stop(0);
  await held.execution.close();
  expect(readdirSync(folder).filter((name) => /^\d+$/.test(name))).toEqual([]);
});

test("case A5: a step that removes the pipe of its own output leaves no workspace behind, and its slot free", async () => {
  const held = await hold();
  const { root } = held.execution.folders;
  await held.sh(`rm -f ${folder}/output-*`);
  await held.execution.stop(0);
  await held.execution.close();
  expect(existsSync(root)).toBe(false);
  const next = await hold();
  expect(next.execution.folders.root).toBe(root);
  await next.execution.stop(0);
  await next.execution.close();
});

test("one watchdog serves many attempts", async () => {
  const parents = new Set<string>();
  for (let count = 0; count < 5; count += 1) {
    const held = await hold();
    await held.sh("echo $PPID");
    await held.execution.stop(0);
    parents.add(held.output());
    await held.execution.close();
  }
  expect(parents.size).toBeLessThanOrEqual(2);
});
