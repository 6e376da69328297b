import { describe, expect, type TestContext, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { processTree } from "../support/process-tree.ts";
import { isAlive, signal } from "../support/processes.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import { makeStepFiles } from "../support/step-files.ts";
import { startWholeSystem, type WholeSystem } from "../support/whole-system.ts";
import { baton, makePlace } from "./cli-process.ts";

/** Ends that take their time by design: a lease's 45 s, a step's grace time. They wait beside each other. */

/** The lease, and the tick that finds it: at its expiry, at most 30 s after. */
const EXPIRY_MS = 90_000;

async function begin({ onTestFinished }: TestContext) {
  const files = makeStepFiles();
  const system = await startWholeSystem({ memory: true });
  onTestFinished(async () => {
    await system.stop();
    files.remove();
  });
  return { system, files };
}

const jobOf = async (system: WholeSystem, run: string) =>
  (await system.client.call("getJob", { params: { run, job: "only" } })).job;

describe.concurrent("slow ends", () => {
  test(
    "a host that goes dark: the lease expires, and the second attempt ends the run",
    async (context) => {
      const { system, files } = await begin(context);
      const first = await system.addRunner("--slots", "1");
      const script = `[ $BATON_FENCE -gt 1 ] || { echo $$ > ${files.path("pid")}; sleep 600; }`;
      const runId = await createRunOf(system.client, `jobs: {only: {run: "${script}"}}\n`);
      await files.pid("pid");
      // As a power failure would: runner, watchdogs and steps, with nobody left to give the lease back.
      const all = processTree(first.pid).map(({ pid }) => pid);
      for (const pid of all) signal(pid, "SIGKILL");
      await eventually("all of it is gone", () => !all.some(isAlive));
      expect(await jobOf(system, runId)).toMatchObject({ state: "running", fence: 1 });
      await system.addRunner("--slots", "1", "--name", "second");
      expect(await runEnds(system.client, runId, EXPIRY_MS, 250)).toMatchObject({ state: "succeeded" });
      const job = await jobOf(system, runId);
      expect(job.attempts.map(({ fence, end }) => [fence, end?.outcome])).toEqual([
        [1, "lost"],
        [2, "succeeded"],
      ]);
      const place = makePlace();
      context.onTestFinished(place.remove);
      const env = { BATON_URL: system.stack().url, BATON_TOKEN: system.stack().token };
      const { stdout } = await baton(place, ["explain", runId, "only"], { env }).ended;
      expect(stdout).toMatch(/lost/);
    },
    EXPIRY_MS + 30_000,
  );

  test("cancel during a step that ignores SIGTERM: SIGKILL ends it, and only then is the job canceled", async (context) => {
    const { system, files } = await begin(context);
    const runner = await system.addRunner("--slots", "1", "--exit-with-parent");
    const script = `trap '' TERM; echo $$ > ${files.path("pid")}; while :; do sleep 0.1; done`;
    const runId = await createRunOf(system.client, `jobs: {only: {run: "${script}"}}\n`);
    const step = await files.pid("pid");
    await system.client.call("cancelRun", { params: { run: runId }, body: { reason: "enough" } });
    runner.child.stdin?.write("\n"); // a nudge: the heartbeat that brings the news would take up to 15 s
    await eventually("the job is stopping", async () => (await jobOf(system, runId)).state === "stopping");
    expect(isAlive(step)).toBe(true);
    expect(await runEnds(system.client, runId, 30_000, 100)).toMatchObject({ state: "canceled" });
    expect(isAlive(step)).toBe(false);
    const [attempt] = (await jobOf(system, runId)).attempts;
    expect(attempt?.end?.outcome).toBe("canceled");
  });
});
