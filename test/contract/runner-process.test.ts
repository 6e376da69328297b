import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../shared/lib/clock.ts";
import { eventually } from "../support/eventually.ts";
import {
  FAKE_TOKEN,
  type FakeControlPlane,
  type FakeJob,
  startFakeControlPlane,
} from "../support/fake-control-plane.ts";
import { isAlive } from "../support/processes.ts";
import { type RunnerProcess, spawnRunner } from "../support/runner-process.ts";

/** A real runner process with real steps, against a control plane in memory on a real socket. */

let plane: FakeControlPlane;
let runners: RunnerProcess[];
let scratch: string;

beforeEach(async () => {
  plane = await startFakeControlPlane();
  runners = [];
  scratch = mkdtempSync(join(tmpdir(), "baton-scratch-"));
});

afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.discard()));
  await plane.stop();
  rmSync(scratch, { recursive: true });
});

async function runner(...args: string[]): Promise<RunnerProcess> {
  const one = await spawnRunner({ url: plane.url, token: FAKE_TOKEN, args: ["--slots", "4", ...args] });
  runners.push(one);
  return one;
}

const ended = (job: FakeJob) => eventually(`${job.runId} ends`, () => job.ends[0]);
const calls = (name: string) => plane.calls.filter((call) => call.name === name).length;

/** A step that writes its own process id and then ignores what it can. */
const STUBBORN = (file: string) => `trap '' TERM INT HUP; echo $$ > ${file}; while :; do sleep 0.05; done`;

async function pidIn(file: string): Promise<number> {
  return eventually(`a process id in ${file}`, () => existsSync(file) && Number(readFileSync(file, "utf8")));
}

test("an offered job is claimed, acknowledged, run and completed, its log sealed in one object, its offer deleted", async () => {
  await runner();
  const job = plane.addJob({ steps: [{ run: "echo one" }, { run: "echo $BATON_FENCE $CI; pwd" }] });
  plane.offer(job);
  expect(await ended(job)).toBe("complete succeeded");
  expect(job.completion).toMatchObject({
    exitCode: 0,
    losses: [],
    artifacts: [],
    log: { chunkCount: 1, lostBytes: 0 },
  });
  const log = plane.logOf(job);
  expect(log).toContain("--- step 1/2: step 1\none\n--- step 1/2: step 1: ok after ");
  expect(log).toContain("\n1 true\n");
  expect(Buffer.byteLength(log)).toBe(job.completion?.log.bytes);
  await eventually("the offer is deleted", () => plane.offersLeft() === 0);
  expect(["claim", "ack", "heartbeat", "uploads", "complete"].map(calls)).toEqual([1, 1, 0, 0, 1]);
});

test("a step's environment holds what is declared, CI and BATON_*, and nothing of the runner's", async () => {
  const one = await spawnRunner({
    url: plane.url,
    token: FAKE_TOKEN,
    args: ["--pass-env", "PASSED"],
    env: { SECRET_OF_HOST: "x", PASSED: "on" },
  });
  runners.push(one);
  const job = plane.addJob({ script: "env | sort | cut -d= -f1 | tr '\\n' ' '; ls -A $HOME; ls -A $TMPDIR" });
  plane.offer(job);
  await ended(job);
  expect(
    plane
      .logOf(job)
      .split("\n")[1]
      ?.split(" ")
      .filter((name) => !["OLDPWD", "PWD", "SHLVL", "_", ""].includes(name)),
  ).toEqual(
    "BATON BATON_ATTEMPT BATON_ATTEMPT_NUMBER BATON_FENCE BATON_JOB_ID BATON_JOB_NAME BATON_PIPELINE BATON_PROJECT BATON_RUN_ID BATON_WORKSPACE CI HOME LANG LOGNAME PASSED PATH TMPDIR USER".split(
      " ",
    ),
  );
});

test("nothing that a step prints, or leaves in a file, is a command to the runner (SECURITY 29)", async () => {
  await runner();
  const commands = [
    "::set-env name=FORGED::1",
    "::set-output name=forged::1",
    "::add-path::/forged",
    "::error::forged",
    "##vso[task.setvariable variable=FORGED]1",
    "##teamcity[buildStatus status='SUCCESS']",
    "--- step 2/2: step 2: ok after 1 ms",
    '{"outcome":"succeeded","checks":[{"id":"unit","outcome":"passed"}]}',
  ];
  const printed = `cat <<'END'\n${commands.join("\n")}\nEND\ncat >&2 <<'END'\n${commands.join("\n")}\nEND`;
  const left =
    'for folder in . .. "$HOME" "$TMPDIR"; do for name in .env .profile .bashrc env output; do echo FORGED=1 > "$folder/$name"; done; done';
  const see = "env | grep -c -e FORGED -e /forged || exit 7";
  const job = plane.addJob({ steps: [{ run: `${printed}\n${left}` }, { run: see, shell: "sh" }] });
  plane.offer(job);
  expect(await ended(job)).toBe("complete failed");
  expect(job.completion).toMatchObject({ exitCode: 7, checks: [], artifacts: [], losses: [] });
  const log = plane.logOf(job);
  expect(log).toContain(`${commands.join("\n")}\n${commands.join("\n")}\n`);
  expect(log).toMatch(/--- step 2\/2: step 2\n0\n--- step 2\/2: step 2: ended with exit code 7/);
});

test("the first step that fails ends the job, with its exit code and its name", async () => {
  await runner();
  const job = plane.addJob({ steps: [{ run: "false\necho not reached" }, { run: "echo nor this" }] });
  plane.offer(job);
  expect(await ended(job)).toBe("complete failed");
  expect(job.completion).toMatchObject({ exitCode: 1, failure: { class: "user", step: "step 1" } });
  expect(plane.logOf(job)).toMatch(/step 1\/2: step 1: ended with exit code 1, after/);
  expect(plane.logOf(job)).not.toMatch(/not reached|nor this/);
});

test("a missing shell, folder or secret is the tooling's failure, said in the log", async () => {
  await runner();
  const shell = plane.addJob({ steps: [{ run: "true", shell: "no-such-shell" }] });
  const workdir = plane.addJob({ steps: [{ run: "true", workdir: "../.." }] });
  const secret = plane.addJob();
  secret.spec.secrets.push("DEPLOY_KEY");
  for (const job of [shell, workdir, secret]) plane.offer(job);
  for (const job of [shell, workdir, secret]) {
    expect(await ended(job)).toBe("complete failed");
    expect(job.completion?.failure?.class).toBe("tooling");
  }
  expect(plane.logOf(shell)).toContain("no-such-shell");
  expect(plane.logOf(workdir)).toContain("outside the workspace");
  expect(plane.logOf(secret)).toContain('"DEPLOY_KEY"');
});

test("a workspace that a step has removed is said to be gone, and not its shell", async () => {
  await runner();
  const job = plane.addJob({ steps: [{ run: 'rm -r "$BATON_WORKSPACE"' }, { run: "true" }] });
  plane.offer(job);
  expect(await ended(job)).toBe("complete failed");
  expect(job.completion?.failure?.message).toBe('step "step 2": the workspace is gone; a step before it removed it');
});

test("a secret reaches the step and is masked in the log", async () => {
  const file = join(scratch, "secrets");
  writeFileSync(file, "DEPLOY_KEY=correct-horse-battery\n", { mode: 0o600 });
  await runner("--secrets-file", file);
  const job = plane.addJob({ script: `test "$DEPLOY_KEY" = correct-horse-battery; echo "key: $DEPLOY_KEY"` });
  job.spec.secrets.push("DEPLOY_KEY");
  plane.offer(job);
  expect(await ended(job)).toBe("complete succeeded");
  expect(plane.logOf(job)).toContain("key: ***");
  expect(plane.logOf(job)).not.toContain("horse");
});

test("what the runner's file does not hold comes from the job's project, and is masked as well", async () => {
  const file = join(scratch, "secrets");
  writeFileSync(file, "OWN=correct-horse-battery\nBOTH=from-the-file\n", { mode: 0o600 });
  await runner("--secrets-file", file);
  const job = plane.addJob({
    script: 'echo "$OWN, $THEIRS, $BOTH"; test "$BOTH" = from-the-file && test -n "$THEIRS"',
  });
  job.spec.secrets.push("OWN", "THEIRS", "BOTH");
  job.projectSecrets = { THEIRS: "staple-of-the-project", BOTH: "from-the-project" };
  plane.offer(job);
  expect(await ended(job)).toBe("complete succeeded");
  expect(plane.logOf(job)).toContain("***, ***, ***");
  const content = plane.addJob({ script: "true" });
  content.spec.secrets.push("OWN");
  plane.offer(content);
  expect(await ended(content)).toBe("complete succeeded");
  const asked = plane.calls.filter(({ name }) => name === "secrets").map(({ params }) => params["run"]);
  expect(asked).toEqual([job.runId]);
});

test("SECURITY 19: a fork's job gets no secret, not even of the runner's own file, and its log says so", async () => {
  const file = join(scratch, "secrets");
  writeFileSync(file, "DEPLOY_KEY=correct-horse-battery\n", { mode: 0o600 });
  await runner("--secrets-file", file);
  const job = plane.addJob({ script: "env | sort; ! env | grep -q DEPLOY_KEY", fork: true });
  job.spec.secrets.push("DEPLOY_KEY");
  job.projectSecrets = { DEPLOY_KEY: "staple-of-the-project" };
  plane.offer(job);
  expect(await ended(job)).toBe("complete succeeded");
  expect(plane.logOf(job)).toContain('warning: a run of a fork\'s pull request gets no secrets: "DEPLOY_KEY" not set');
  expect(plane.logOf(job)).not.toMatch(/horse|staple/);
  expect(plane.calls.some(({ name }) => name === "secrets")).toBe(false);
});

test("an attempt that gets no answer about its secrets is given back, and no step of it starts", async () => {
  await runner();
  const job = plane.addJob({ script: "touch ran", ttlMs: 3_000, heartbeatMs: 1_000 });
  job.spec.secrets.push("DEPLOY_KEY");
  plane.fault("secrets", "refuse", 100);
  plane.offer(job);
  expect(await ended(job)).toBe("release workspace_failed");
  expect(plane.calls.some(({ name }) => name === "complete")).toBe(false);
});

test("a step over its timeout fails the job by name, a job over its own is timed out, and both are gone", async () => {
  await runner();
  const step = plane.addJob({ steps: [{ run: "echo $$ > pid; sleep 100", timeoutMs: 300 }] });
  const job = plane.addJob({ script: "sleep 100", timeoutMs: 300 });
  plane.offer(step);
  plane.offer(job);
  expect(await ended(step)).toBe("complete failed");
  expect(step.completion?.failure?.message).toContain('step "step 1" ran longer than its timeout of 0.3 s');
  expect(await ended(job)).toBe("complete timed_out");
  expect(job.completion?.failure?.message).toContain("ran longer than its timeout");
});

test("three copies of one offer make one attempt, and all are deleted", async () => {
  await runner();
  const jobs = Array.from({ length: 6 }, () => plane.addJob({ script: "sleep 0.1" }));
  for (const job of jobs) plane.offer(job, 3);
  for (const job of jobs) await ended(job);
  await eventually("all offers are deleted", () => plane.offersLeft() === 0);
  expect(jobs.map((job) => job.ends)).toEqual(jobs.map(() => ["complete succeeded"]));
  expect(calls("claim")).toBe(6);
});

test("a claim, an acknowledgement and a completion whose answers are lost are repeated, and happen once", async () => {
  await runner();
  const job = plane.addJob({ script: "echo once >> $OUT", steps: [{ run: `echo once >> ${join(scratch, "out")}` }] });
  for (const name of ["claim", "ack"] as const) plane.fault(name, "lose_answer", 2);
  plane.fault("complete", "refuse", 2);
  plane.offer(job);
  expect(await ended(job)).toBe("complete succeeded");
  expect(job.fence).toBe(1);
  expect(new Set(plane.calls.filter(({ name }) => name === "claim").map(({ body }) => JSON.stringify(body))).size).toBe(
    1,
  );
  expect(readFileSync(join(scratch, "out"), "utf8")).toBe("once\n");
});

test("no step starts before the acknowledgement was answered", async () => {
  await runner();
  const out = join(scratch, "out");
  const job = plane.addJob({ script: `echo ran > ${out}`, ttlMs: 1_500 });
  plane.fault("ack", "refuse", 1_000);
  plane.offer(job);
  await eventually(
    "the lease runs out",
    () => job.lease !== undefined && job.lease.expiresAtMs < systemClock.monotonicMs(),
  );
  expect(existsSync(out)).toBe(false);
});

test("an offer is left alone while the claim has no answer, and what is no offer is deleted", async () => {
  const one = await runner();
  plane.sendRaw("not json");
  plane.sendRaw(JSON.stringify({ v: 2 }));
  await eventually("bad offers are deleted", () => plane.offersLeft() === 0);
  expect(one.events.filter(({ type }) => type === "bad_offer")).toHaveLength(2);
  plane.fault("claim", "refuse", 100);
  plane.offer(plane.addJob());
  await one.heard("unreachable");
  expect(plane.offersLeft()).toBe(1);
});

test("heartbeats renew the lease; a stop ends a step that ignores SIGTERM and is acknowledged with the log", async () => {
  const one = await runner();
  const file = join(scratch, "pid");
  const job = plane.addJob({ script: `echo begun; ${STUBBORN(file)}`, ttlMs: 3_000, heartbeatMs: 200 });
  plane.offer(job);
  const pid = await pidIn(file);
  await eventually("some heartbeats", () => calls("heartbeat") >= 3);
  job.stop = { reason: "cancel", byMs: systemClock.monotonicMs() + 3_000 };
  expect(await ended(job)).toBe("cancel-ack");
  expect(isAlive(pid)).toBe(false);
  expect(plane.logOf(job)).toContain("begun");
  expect(await one.heard("attempt_ended")).toMatchObject({ end: "stopped" });
});

test("a lease that was given to another is a kill order: the steps go at once and nothing is reported", async () => {
  const one = await runner();
  const file = join(scratch, "pid");
  const job = plane.addJob({ script: STUBBORN(file), heartbeatMs: 200 });
  plane.offer(job);
  const pid = await pidIn(file);
  job.fence += 1;
  expect(await one.heard("attempt_ended")).toMatchObject({ end: "stale" });
  expect(isAlive(pid)).toBe(false);
  expect(job.ends).toEqual([]);
});

test("kill -9 of the runner ends its steps within a second, and the lease is given back", async () => {
  const one = await runner();
  const files = [join(scratch, "one"), join(scratch, "two")];
  const job = plane.addJob({ script: `setsid sh -c '${STUBBORN(files[1] ?? "")}' & ${STUBBORN(files[0] ?? "")}` });
  plane.offer(job);
  const pids = await Promise.all(files.map(pidIn));
  process.kill(one.pid, "SIGKILL");
  await eventually("the steps are gone", () => !pids.some(isAlive), 1_000);
  expect(await ended(job)).toBe("release runner_lost");
  const next = await spawnRunner({ url: plane.url, token: FAKE_TOKEN, workDir: one.workDir });
  runners.push(next);
  await eventually("the dead runner's workspaces are removed", () => {
    return readdirSync(one.workDir).filter((name) => name.startsWith("runner-")).length === 1;
  });
});

test("a runner that is stopped past its deadline has its steps ended before the lease expires", async () => {
  const one = await runner();
  const file = join(scratch, "pid");
  const job = plane.addJob({ script: STUBBORN(file), ttlMs: 6_000, heartbeatMs: 500 });
  plane.offer(job);
  const pid = await pidIn(file);
  process.kill(one.pid, "SIGSTOP");
  await eventually("the step is gone", () => !isAlive(pid), 10_000);
  expect(await ended(job)).toBe("release deadline_passed");
  process.kill(one.pid, "SIGCONT");
  expect(await one.heard("attempt_ended")).toMatchObject({ end: "fenced" });
  expect(job.ends).toHaveLength(1);
});

test("a control plane that goes silent has the steps ended at the deadline", async () => {
  const one = await runner();
  const file = join(scratch, "pid");
  const job = plane.addJob({ script: STUBBORN(file), ttlMs: 1_500, heartbeatMs: 200 });
  plane.offer(job);
  const pid = await pidIn(file);
  for (const name of ["heartbeat", "release"] as const) plane.fault(name, "refuse", 100);
  expect(await one.heard("attempt_ended")).toMatchObject({ end: "fenced" });
  expect(isAlive(pid)).toBe(false);
});

test("SIGTERM drains: no more offers are taken, what runs may end", async () => {
  const one = await runner();
  const file = join(scratch, "pid");
  const first = plane.addJob({ script: `echo $$ > ${file}; sleep 0.7; echo done` });
  plane.offer(first);
  await pidIn(file);
  process.kill(one.pid, "SIGTERM");
  await one.heard("draining");
  const second = plane.addJob();
  plane.offer(second);
  expect(await ended(first)).toBe("complete succeeded");
  expect(await one.exited).toEqual({ code: 0, signal: null });
  expect(second.fence).toBe(0);
  expect(plane.offersLeft()).toBe(1);
});

test("a drain that takes too long, a second signal and the parent's end stop the steps and give the leases back", async () => {
  const ways = [
    { args: ["--drain-ms", "100"], go: (one: RunnerProcess) => process.kill(one.pid, "SIGTERM") },
    {
      args: [],
      go: async (one: RunnerProcess) => {
        process.kill(one.pid, "SIGINT");
        await one.heard("draining");
        process.kill(one.pid, "SIGINT");
      },
    },
    { args: ["--exit-with-parent"], go: (one: RunnerProcess) => one.child.stdin?.end() },
  ];
  for (const [at, { args, go }] of ways.entries()) {
    const one = await runner(...args);
    const file = join(scratch, `pid-${at}`);
    const job = plane.addJob({ script: `echo $$ > ${file}; sleep 100` });
    plane.offer(job);
    const pid = await pidIn(file);
    await go(one);
    expect(await one.exited).toEqual({ code: 0, signal: null });
    expect(job.ends).toEqual(["release drain"]);
    expect(isAlive(pid)).toBe(false);
    // The poll that the runner left behind would take the next runner's offer with it.
    await plane.stop();
    plane = await startFakeControlPlane();
  }
});

test("a bucket that takes nothing does not change how the job ends; the loss is recorded", async () => {
  await runner();
  plane.bucket.takes = false;
  const job = plane.addJob({ script: "echo lost", ttlMs: 45_000 });
  plane.offer(job);
  expect(await eventually("the job ends", () => job.ends[0], 40_000)).toBe("complete succeeded");
  expect(job.completion?.losses).not.toEqual([]);
  expect(job.completion?.log.lostBytes).toBeGreaterThan(0);
});

test("a token that the control plane does not know is one clear line and exit code 2", async () => {
  const one = await spawnRunner({ url: plane.url, token: "wrong" });
  runners.push(one);
  expect(await one.exited).toEqual({ code: 2, signal: null });
});

test("500 MB of output pass with bounded memory", async () => {
  const one = await runner();
  const size = 500_000_000;
  const line = "2026-11-20T12:00:00Z INFO  compile src/module/file.ts in 12 ms, 3 warnings, ok";
  const job = plane.addJob({ script: `yes '${line}' | head -c ${size}`, timeoutMs: 50_000 });
  plane.offer(job);
  let peakKb = 0;
  const startedAtMs = systemClock.monotonicMs();
  await eventually(
    "the job ends",
    () => {
      peakKb = Math.max(peakKb, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${one.pid}/status`, "utf8"))?.[1]));
      return job.ends[0];
    },
    50_000,
  );
  const rate = size / 1_000 / (systemClock.monotonicMs() - startedAtMs);
  console.log(`output: ${rate.toFixed(0)} MB/s, the runner's peak RSS ${(peakKb / 1_024).toFixed(0)} MiB`);
  expect(job.completion).toMatchObject({ outcome: "succeeded", losses: [] });
  expect(job.completion?.log.bytes).toBeGreaterThan(size);
  expect(peakKb / 1_024).toBeLessThan(300);
}, 60_000);
