import { afterAll, beforeAll, expect, test } from "vitest";
import type { Completion } from "../../shared/protocol/products.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { createRun } from "../../shared/usecases/create-run.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { completeJob } from "../../shared/usecases/end-attempt.ts";
import { planRun } from "../../shared/usecases/plan-run.ts";
import { readArtifactLink } from "../../shared/usecases/read-runs.ts";
import { rerunRun } from "../../shared/usecases/rerun-run.ts";
import { signInputs } from "../../shared/usecases/sign-uploads.ts";
import { driveToEnd, finalState, injectedFault } from "../support/drive.ts";
import { answerOf, jobOf, lastWord, planOf, runningAt, runOf, startRun } from "../support/scenario.ts";
import { startWorld, type World } from "../support/world.ts";

let world: World;
let deps: Deps;
beforeAll(async () => {
  world = await startWorld();
  deps = world.deps;
});
afterAll(() => world.stop());

const WHO = { principal: "token:test" };
const SHA256 = "a".repeat(64);
const artifact = { name: "artifacts.tar.gz", kind: "archive" as const, bytes: 5, files: 1, sha256: SHA256 };

async function complete(runId: string, jobId: string, word: Completion = lastWord()) {
  const { claims } = await runningAt(deps, { runId, jobId });
  await completeJob(deps, claims, word);
}

const rerun = (runId: string, only: "all" | "failed") =>
  rerunRun(deps, { tenant: "main", runId, only, watch: false }, WHO);

test("a rerun of all is a new run of the same plan, from nothing, and the old run does not change", async () => {
  const { runId } = await startRun(deps, planOf({ id: "a" }, { id: "b", needs: ["a"], checks: ["unit"] }));
  await driveToEnd(world, runId);
  const before = await deps.store.getRunItems({ tenant: "main", runId });
  const { run } = await rerun(runId, "all");
  expect([run.rerunOf, run.state]).toEqual([runId, "live"]);
  expect((await finalState(deps, run.runId)).jobs).toEqual({ a: "queued", b: "waiting" });
  expect((await driveToEnd(world, run.runId)).state).toBe("succeeded");
  expect(await deps.store.getRunItems({ tenant: "main", runId })).toEqual(before);
});

test("a rerun of what failed keeps results, products and checks of what succeeded", async () => {
  const { runId } = await startRun(
    deps,
    planOf(
      { id: "build", checks: ["ready"] },
      { id: "test", needs: ["build"], artifactsFrom: ["build"], checks: ["ready", "unit"] },
      { id: "after", needs: ["test"] },
    ),
  );
  await complete(runId, "build", lastWord("succeeded", { artifacts: [artifact] }));
  await complete(runId, "test", lastWord("failed"));
  expect((await runOf(deps, runId)).state).toBe("failed");

  const { run } = await rerun(runId, "failed");
  const { jobs, checks } = await deps.store.getRunItems({ tenant: "main", runId: run.runId });
  expect(jobs.map(({ jobId, state }) => [jobId, state])).toEqual([
    ["build", "succeeded"],
    ["test", "queued"],
    ["after", "waiting"],
  ]);
  expect(checks.find(({ checkId }) => checkId === "ready")).toMatchObject({
    remaining: 1,
    resolved: { build: "passed" },
  });
  const { claims } = await runningAt(deps, { runId: run.runId, jobId: "test" });
  const inputs = await signInputs(deps, claims);
  expect(inputs.map(({ artifact: input, download }) => [input.sha256, download.url])).toEqual([
    [SHA256, `http://bucket.test/artifacts/main/${runId}/build/1/artifacts.tar.gz`],
  ]);
  await completeJob(deps, claims, lastWord());
  expect((await driveToEnd(world, run.runId)).state).toBe("succeeded");
  expect((await finalState(deps, run.runId)).checks).toEqual({ ready: "passed", unit: "passed" });

  const again = await rerun(run.runId, "all");
  expect((await finalState(deps, again.run.runId)).jobs).toMatchObject({ build: "queued" });
});

test("products are found through a rerun of a rerun, where they were made", async () => {
  const { runId } = await startRun(deps, planOf({ id: "build" }, { id: "test", needs: ["build"] }));
  await complete(runId, "build", lastWord("succeeded", { artifacts: [artifact] }));
  await complete(runId, "test", lastWord("failed"));
  const first = await rerun(runId, "failed");
  await complete(first.run.runId, "test", lastWord("failed"));
  const second = await rerun(first.run.runId, "failed");
  const link = await readArtifactLink(deps, second.run.runId, { job: "build", name: "artifacts.tar.gz" });
  expect(link.url).toBe(`http://bucket.test/artifacts/main/${runId}/build/1/artifacts.tar.gz`);
});

test("a rerun of what failed runs a job again that succeeded but reported a failed check", async () => {
  const { runId } = await startRun(deps, planOf({ id: "a", checks: ["unit"] }, { id: "b", checks: ["unit"] }));
  await complete(runId, "a", lastWord("succeeded", { checks: [{ id: "unit", outcome: "failed" }] }));
  await complete(runId, "b");
  expect((await finalState(deps, runId)).checks).toEqual({ unit: "failed" });
  const { run } = await rerun(runId, "failed");
  expect((await finalState(deps, run.runId)).jobs).toEqual({ a: "queued", b: "succeeded" });
});

test("a rerun where nothing failed, and one of a run that has not ended, is refused", async () => {
  const { runId } = await startRun(deps, planOf({ id: "a" }));
  expect(await answerOf(rerun(runId, "all"))).toBe("conflict");
  await complete(runId, "a");
  expect(await answerOf(rerun(runId, "failed"))).toBe("conflict");
  expect(await answerOf(rerun("run_00000000000000000000000000", "all"))).toBe("not_found");
});

test("an Idempotency-Key makes one rerun of many requests", async () => {
  const { runId } = await startRun(deps, planOf({ id: "a" }));
  await complete(runId, "a", lastWord("failed"));
  const ask = () =>
    rerunRun(deps, { tenant: "main", runId, only: "all", watch: false }, { ...WHO, idempotencyKey: `rerun ${runId}` });
  const made = await Promise.all([ask(), ask(), ask(), ask()]);
  expect(new Set(made.map(({ run }) => run.runId)).size).toBe(1);
});

const SOURCE = { kind: "git" as const, url: "/repo", sha: "b".repeat(40) };
const fromSource = { project: "default", source: SOURCE, pipelinePath: ".baton/ci.yml", watch: false };

test("a rerun of a run that never had a plan reads its definition again, and names the run that it repeats", async () => {
  const { run } = await createRun(deps, fromSource, WHO);
  const ref = { tenant: "main", runId: run.runId };
  await planRun({ ...deps, readDefinition: async () => "jobs: [" }, ref);
  expect((await runOf(deps, run.runId)).state).toBe("plan_failed");
  const again = await rerun(run.runId, "all");
  expect(again.run).toMatchObject({ state: "planning", rerunOf: run.runId, source: SOURCE });
});

test("nodes of a plan that was never committed are no plan to run again", async () => {
  const { run } = await createRun(deps, fromSource, WHO);
  const ref = { tenant: "main", runId: run.runId };
  const text = "jobs: {a: {run: x}, b: {run: y}}";
  const dying: Deps = {
    ...deps,
    readDefinition: async () => text,
    store: {
      ...deps.store,
      birthEach: async (items) => {
        await deps.store.birthEach(items.slice(0, 1));
        throw injectedFault("the planner dies after its first node");
      },
    },
  };
  await expect(planRun(dying, ref)).rejects.toThrow("injected");
  await cancelRun(deps, ref, { actor: "test" });
  expect((await runOf(deps, run.runId)).state).toBe("canceled");
  const again = await rerun(run.runId, "all");
  expect(again.run).toMatchObject({ state: "planning", rerunOf: run.runId });
  await planRun({ ...deps, readDefinition: async () => text }, { tenant: "main", runId: again.run.runId });
  expect((await finalState(deps, again.run.runId)).jobs).toEqual({ a: "queued", b: "queued" });
  expect((await jobOf(deps, { runId: again.run.runId, jobId: "a" })).fence).toBe(0);
});
