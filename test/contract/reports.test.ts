import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import { runKey } from "../../shared/store/keys.ts";
import { approveRun } from "../../shared/usecases/approve-run.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { createTriggeredRun } from "../../shared/usecases/create-triggered-run.ts";
import { completeJob, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { reconcileRun } from "../../shared/usecases/reconcile-run.ts";
import { rerunRun } from "../../shared/usecases/rerun-run.ts";
import { addCommit } from "../support/recording-forge/state.ts";
import {
  checkRunsOf,
  deliverReports,
  endReported,
  outboxOf,
  type ReportWorld,
  shownOf,
  startReported,
  startReportWorld,
} from "../support/report-world.ts";
import { claimAt, type JobWish, lastWord, planOf, runningAt, startRun, storedItem } from "../support/scenario.ts";
import { HOUR_MS, MINUTE_MS } from "../support/times.ts";

/** Runs as a forge shows them: the real use cases and table, and a GitHub of our own over real HTTP. */

let shop: ReportWorld;
let project: ProjectItem;
beforeAll(async () => {
  shop = await startReportWorld();
});
beforeEach(async () => {
  project = await shop.addProject();
});
afterEach(() => shop.clear());
afterAll(() => shop.stop());

const start = (...jobs: readonly JobWish[]) => startReported(shop, project, planOf(...jobs));
const end = (run: RunItem, jobId: string, ...word: Parameters<typeof lastWord>) =>
  endReported(shop, run, jobId, ...word);
const deliver = () => deliverReports(shop, { until: shop.world.clock.nowMs });
const titleOf = (run: RunItem, name: string) =>
  checkRunsOf(shop, run).find((check) => check.name === name)?.output.title ?? "";

describe("from birth to end", () => {
  test("each check is one check run, told at once when a job starts or ends, and final when the run is", async () => {
    const run = await start({ id: "build" }, { id: "test", needs: ["build"] }, { id: "lint", checks: ["style"] });
    await deliver();
    expect(shownOf(shop, run)).toEqual({
      "ci.yml / build": "queued",
      "ci.yml / test": "queued",
      "ci.yml / style": "queued",
    });
    const { claims } = await runningAt(shop.deps, { runId: run.runId, jobId: "build" });
    await deliver();
    expect(shownOf(shop, run)["ci.yml / build"]).toBe("in_progress");
    await completeJob(shop.deps, claims, lastWord());
    await end(run, "lint");
    await end(run, "test", "failed", { exitCode: 3, failure: { class: "user", message: "no", step: "run" } });
    await deliver();
    expect(shownOf(shop, run)).toEqual({
      "ci.yml / build": "success",
      "ci.yml / test": "failure",
      "ci.yml / style": "success",
    });
    expect(checkRunsOf(shop, run)).toHaveLength(3);
    expect(titleOf(run, "ci.yml / test")).toBe("Failed in run with exit code 3");
    expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "delivered" });
    expect((await outboxOf(shop.deps, run))?.wakeAtMs).toBeUndefined();
  });

  test("a failed step is annotated at the definition; the summary links and tells how to see more", async () => {
    const run = await start({ id: "build" });
    await end(run, "build", "failed", { failure: { class: "user", message: "exit 1", step: "run" } });
    await deliver();
    const [check] = checkRunsOf(shop, run);
    expect(check?.output.annotations).toMatchObject([
      { path: ".baton/ci.yml", message: "exit 1", title: "build: run" },
    ]);
    expect(check?.details_url).toBe(`https://baton.test/runs/${run.runId}/jobs/build`);
    expect(check?.output.summary).toContain(`\`baton runs logs ${run.runId} build\``);
    expect(check?.output.summary).toContain("❌ `run`");
  });

  test("a run that no forge started sends nothing and has no outbox", async () => {
    const run = await startRun(shop.deps, planOf({ id: "a" }));
    await end(run, "a");
    expect(shop.world.sent.reports).toEqual([]);
    expect(await outboxOf(shop.deps, run)).toBeUndefined();
  });

  test("a triggered run is born with its outbox; where its project reports nothing, without", async () => {
    const text = "pipeline: ci\njobs: {a: {run: x}}";
    const { sha } = addCommit(shop.repository, { branch: "main" });
    const trigger = { event: "push", sha, branch: "main", occurredAtMs: 0 } as const;
    const create = (owner: ProjectItem) =>
      createTriggeredRun(shop.deps, { project: owner, trigger, via: "webhook", path: ".baton/ci.yml", text });
    const { run } = await create(project);
    expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "pending" });
    for (const quiet of [
      await shop.addProject({ reports: { mode: "off", comment: false } }),
      await shop.addProject({ forge: { credentials: "none" } }),
    ])
      expect(await outboxOf(shop.deps, (await create(quiet)).run)).toBeUndefined();
  });

  test("a definition that cannot be planned is shown with every problem", async () => {
    const { sha } = addCommit(shop.repository, { branch: "main" });
    const trigger = { event: "push", sha, branch: "main", occurredAtMs: 0 } as const;
    const text = "jobs: {a: {needs: nobody, run: x}}";
    const { run } = await createTriggeredRun(shop.deps, {
      project,
      trigger,
      via: "webhook",
      path: ".baton/ci.yml",
      text,
    });
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "ci.yml": "failure" });
    expect(checkRunsOf(shop, run)[0]?.output.summary).toContain("nobody");
  });

  test("a rerun takes its run's place: what is shown already stays, what goes on again is another check run", async () => {
    const run = await start({ id: "a" }, { id: "b" });
    await end(run, "a");
    await end(run, "b", "failed");
    await deliver();
    const { run: again } = await rerunRun(
      shop.deps,
      { tenant: "main", runId: run.runId, only: "failed", watch: false },
      { principal: "p" },
    );
    await deliver();
    expect(shownOf(shop, again)).toEqual({ "ci.yml / b": "queued" });
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "success", "ci.yml / b": "failure" });
  });

  test("a run with more checks than a forge shows has one for all", async () => {
    const run = await start(...Array.from({ length: 51 }, (_, at) => ({ id: `j${at}` })));
    await end(run, "j0");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "ci.yml": "in_progress" });
    expect(checkRunsOf(shop, run)[0]?.output.title).toBe("1 of 51 jobs have ended");
  });

  test("a pull request's run does not write over the push's at the same commit", async () => {
    const push = await start({ id: "a" });
    const pull = await startReported(shop, project, planOf({ id: "a" }), { event: { sha: push.source?.sha ?? "" } });
    await deliver();
    expect(shownOf(shop, pull)).toEqual({ "ci.yml / a → main": "queued" });
    expect(shownOf(shop, push)).toEqual({ "ci.yml / a": "queued" });
  });
});

describe("what is not the user's failure", () => {
  test("a lost job blocks, and says that it was the infrastructure", async () => {
    const run = await start({ id: "a", retries: { failed: 0, lost: 0 } });
    const { claims } = await runningAt(shop.deps, { runId: run.runId, jobId: "a" });
    await releaseJob(shop.deps, claims, "the host is going away");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "cancelled" });
    expect(titleOf(run, "ci.yml / a")).toMatch(/^Infrastructure: /);
  });

  test("a lost attempt that is tried again stays in progress", async () => {
    const run = await start({ id: "a" });
    const { claims } = await runningAt(shop.deps, { runId: run.runId, jobId: "a" });
    await releaseJob(shop.deps, claims, "drained");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "in_progress" });
    expect(titleOf(run, "ci.yml / a")).toBe("Waits for a runner again");
  });

  test("what could not run because something failed blocks; what nobody needed does not", async () => {
    const run = await start({ id: "build" }, { id: "test", needs: ["build"] });
    await end(run, "build", "failed");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "ci.yml / build": "failure", "ci.yml / test": "cancelled" });
  });

  test("an allowed failure does not block", async () => {
    const run = await start({ id: "a", allowFailure: true });
    await end(run, "a", "failed");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "neutral" });
  });

  test("canceled is canceled, and why", async () => {
    const run = await start({ id: "a" });
    await cancelRun(shop.deps, run, { actor: "ann", reason: "superseded by 1234" });
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "cancelled" });
    expect(titleOf(run, "ci.yml / a")).toBe("Canceled: superseded by 1234");
  });

  test("a run whose time is over takes what still runs with it", async () => {
    const run = await start({ id: "a" });
    await claimAt(shop.deps, { runId: run.runId, jobId: "a" });
    shop.world.clock.nowMs += 25 * HOUR_MS;
    await reconcileRun(shop.deps, { tenant: "main", runId: run.runId });
    await deliver();
    expect(shownOf(shop, run)["ci.yml / a"]).toBe("timed_out");
  });
});

describe("a run that waits for an approval", () => {
  test("asks for it with the command, and goes on in another check run once it has it", async () => {
    const { sha } = addCommit(shop.repository, { branch: "main" });
    const event = { sha, fork: true };
    const run = await startReported(shop, project, planOf({ id: "a" }), { event, approval: { sha } });
    await deliver();
    const [asked] = checkRunsOf(shop, run);
    expect(asked).toMatchObject({ conclusion: "action_required" });
    expect(asked?.output.summary).toContain(`baton runs approve ${run.runId} --sha ${sha}`);
    await approveRun(shop.deps, run, sha, "token:ann");
    await end(run, "a");
    await deliver();
    expect(checkRunsOf(shop, run).map(({ conclusion }) => conclusion)).toEqual(["action_required", "success"]);
  });
});

test("a report can never change the run: every write of it is to an outbox or a status", async () => {
  const run = await start({ id: "a" }, { id: "b", checks: ["c"] });
  await end(run, "a");
  const before = await Promise.all([storedItem(shop.world, runKey(run)), shop.deps.store.getRunItems(run)]);
  const written: string[] = [];
  const { store } = shop.deps;
  const watched: ReportWorld["deps"] = {
    ...shop.deps,
    store: {
      ...store,
      apply: (move, key, args, cause) => {
        written.push(move.on);
        return store.apply(move, key, args, cause);
      },
      birth: () => Promise.reject(new Error("a report bears nothing")),
    },
  };
  shop.forge.fail({ method: "POST", path: /check-runs$/, how: { status: 500 } });
  await deliverReports(shop, { depsOf: () => watched, until: shop.world.clock.nowMs + MINUTE_MS });
  expect(new Set(written)).toEqual(new Set(["outbox", "status"]));
  expect(await Promise.all([storedItem(shop.world, runKey(run)), shop.deps.store.getRunItems(run)])).toEqual(before);
});

test("with a token, statuses: one context per check, the newest right", async () => {
  const owner = await shop.addProject({ forge: { credentials: "token" } });
  const run = await startReported(shop, owner, planOf({ id: "a" }));
  await deliver();
  await end(run, "a", "failed");
  await deliver();
  const statuses = shop.repository.statuses.filter(({ sha }) => sha === run.source?.sha);
  expect(statuses.map(({ context, state }) => [context, state])).toEqual([
    ["ci.yml / a", "pending"],
    ["ci.yml / a", "failure"],
  ]);
});
