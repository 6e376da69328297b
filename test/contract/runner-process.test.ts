import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../shared/lib/clock.ts";
import { eventually } from "../support/eventually.ts";
import { isAlive } from "../support/processes.ts";
import { ended, pidIn, type RunnerBench, STUBBORN, startRunnerBench } from "../support/runner-bench.ts";
import type { RunnerProcess } from "../support/runner-process.ts";

/** A real runner process: how it takes, holds and ends attempts, against a control plane in memory on a real socket. */

let bench: RunnerBench;
let plane: RunnerBench["plane"];
let scratch: RunnerBench["scratch"];
let runner: RunnerBench["runner"];
let calls: RunnerBench["calls"];
beforeEach(open);
afterEach(() => bench.stop());

async function open(): Promise<void> {
  bench = await startRunnerBench();
  ({ plane, scratch, runner, calls } = bench);
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
  await bench.spawn({ workDir: one.workDir });
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

test("case C16: a runner that ends says that it goes, once, after its last attempt; where nobody answers it ends all the same", async () => {
  const one = await runner();
  const job = plane.addJob({ script: `touch ${join(scratch, "runs")}; sleep 1` });
  plane.offer(job);
  await eventually("the step runs", () => existsSync(join(scratch, "runs")));
  process.kill(one.pid, "SIGTERM");
  expect(await one.exited).toEqual({ code: 0, signal: null });
  expect(plane.calls.map(({ name }) => name).slice(-2)).toEqual(["complete", "closeSession"]);
  expect(calls("closeSession")).toBe(1);
  plane.fault("closeSession", "lose_answer", 10);
  const two = await runner();
  await two.heard("ready");
  process.kill(two.pid, "SIGTERM");
  expect(await two.exited).toEqual({ code: 0, signal: null });
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
    await bench.stop();
    await open();
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
  const one = await bench.spawn({ token: "wrong" });
  expect(await one.exited).toEqual({ code: 2, signal: null });
});
