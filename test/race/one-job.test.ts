import { afterAll, beforeAll, expect, test } from "vitest";
import { claimJob } from "../../shared/usecases/claim-job.ts";
import { createRun } from "../../shared/usecases/create-run.ts";
import { completeJob } from "../../shared/usecases/end-attempt.ts";
import { verifyLease } from "../../shared/usecases/lease-token.ts";
import { readJob, readJobs } from "../../shared/usecases/read-runs.ts";
import { ackLease, renewLease } from "../../shared/usecases/renew-lease.ts";
import { PROGRESS } from "../support/scenario.ts";
import { sessionOf, startWorld, type World } from "../support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const HELLO = "pipeline: hello\njobs:\n  one:\n    run: echo hello\n  two:\n    needs: one\n    run: echo bye\n";
const LOG = { bytes: 0, lostBytes: 0, chunkCount: 0, index: { kind: "inline" as const, chunks: [], gaps: [] } };

test("two jobs run one after the other, and the run succeeds", async () => {
  const { deps, sent } = world;
  const { run } = await createRun(
    deps,
    { project: "default", definition: { path: "hello.yml", text: HELLO }, pipelinePath: "x", watch: false },
    { principal: "token:test" },
  );
  for (const jobId of ["one", "two"]) {
    const offer = sent.offers.find(({ offer }) => offer.jobId === jobId);
    expect(offer?.offer.fence).toBe(0);
    const lease = await claimJob(deps, sessionOf("r1"), {
      runId: run.runId,
      jobId,
      claimId: `claim-${jobId}-0123456789`,
      fence: 0,
    });
    const claims = verifyLease(
      deps.signer,
      lease.leaseToken,
      { runId: run.runId, jobId, fence: lease.fence },
      world.clock.nowMs,
    );
    await ackLease(deps, claims);
    world.clock.nowMs += 1_000;
    expect((await renewLease(deps, claims, { ...PROGRESS, step: 3, logBytes: 70 })).ttlMs).toBe(45_000);
    expect(await readJob(deps, run.runId, jobId)).toMatchObject({ phase: "running", lease: { step: 3, logBytes: 70 } });
    const done = { outcome: "succeeded" as const, exitCode: 0, log: LOG, artifacts: [], losses: [], checks: [] };
    expect(await completeJob(deps, claims, done)).toEqual({ state: "succeeded" });
  }
  const { run: ended, jobs } = await readJobs(deps, run.runId);
  expect(ended.state).toBe("succeeded");
  expect(jobs.map((job) => job.state)).toEqual(["succeeded", "succeeded"]);
  // History says why: whose end freed the second job. What ended last is not the run's reason.
  expect(jobs[1]?.history["0.enqueue"]?.reason).toBe("one succeeded");
  expect(ended.history["0.succeed"]).toEqual({ atMs: world.clock.nowMs, actor: expect.stringMatching(/^runner:/) });
});

test("an operator who wants copies gets each offer that often", async () => {
  const { deps, sent } = world;
  const copying = { ...deps, settings: { ...deps.settings, offerCopies: 3 } };
  const body = { project: "default", definition: { path: "hello.yml", text: HELLO }, pipelinePath: "x", watch: false };
  const { run } = await createRun(copying, body, { principal: "token:test" });
  expect(sent.offers.filter(({ offer }) => offer.runId === run.runId)).toHaveLength(3);
});
