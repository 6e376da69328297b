import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import { runKey } from "../../shared/store/keys.ts";
import { approveRun } from "../../shared/usecases/approve-run.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { createTriggeredRun } from "../../shared/usecases/create-triggered-run.ts";
import { completeJob, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { reconcileRun } from "../../shared/usecases/reconcile-run.ts";
import { reportComment } from "../../shared/usecases/report-pull.ts";
import { reportRun } from "../../shared/usecases/report-run.ts";
import { rerunRun } from "../../shared/usecases/rerun-run.ts";
import { addCommit, addPull } from "../support/recording-forge/state.ts";
import {
  checkRunsOf,
  deliverReports,
  outboxOf,
  type ReportWorld,
  shownOf,
  startReported,
  startReportWorld,
} from "../support/report-world.ts";
import {
  claimAt,
  type JobWish,
  lastWord,
  planOf,
  runningAt,
  runOf,
  startRun,
  storedItem,
} from "../support/scenario.ts";
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
afterEach(async () => {
  shop.forge.heal();
  await shop.removeProjects();
  for (const queue of [shop.world.sent.reports, shop.world.sent.ticks, shop.world.sent.offers]) queue.splice(0);
});
afterAll(() => shop.stop());

const start = (...jobs: readonly JobWish[]) => startReported(shop, project, planOf(...jobs));
const end = async (run: RunItem, jobId: string, ...word: Parameters<typeof lastWord>) => {
  const { claims } = await runningAt(shop.deps, { runId: run.runId, jobId });
  await completeJob(shop.deps, claims, lastWord(...word));
};
const deliver = () => deliverReports(shop, { until: shop.world.clock.nowMs });
const titleOf = (run: RunItem, name: string) =>
  checkRunsOf(shop, run).find((check) => check.name === name)?.output.title ?? "";

describe("from birth to end", () => {
  test("each check is one check run, told at once when a job starts or ends, and final when the run is", async () => {
    const run = await start({ id: "build" }, { id: "test", needs: ["build"] }, { id: "lint", checks: ["style"] });
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "test / build": "queued", "test / test": "queued", "test / style": "queued" });
    const { claims } = await runningAt(shop.deps, { runId: run.runId, jobId: "build" });
    await deliver();
    expect(shownOf(shop, run)["test / build"]).toBe("in_progress");
    await completeJob(shop.deps, claims, lastWord());
    await end(run, "lint");
    await end(run, "test", "failed", { exitCode: 3, failure: { class: "user", message: "no", step: "run" } });
    await deliver();
    expect(shownOf(shop, run)).toEqual({
      "test / build": "success",
      "test / test": "failure",
      "test / style": "success",
    });
    expect(checkRunsOf(shop, run)).toHaveLength(3);
    expect(titleOf(run, "test / test")).toBe("Failed in run with exit code 3");
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
    expect(shownOf(shop, run)).toEqual({ ".baton/ci.yml": "failure" });
    expect(checkRunsOf(shop, run)[0]?.output.summary).toContain("nobody");
  });

  test("a rerun has check runs of its own", async () => {
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
    expect(shownOf(shop, again)).toEqual({ "test / a": "success", "test / b": "queued" });
    expect(shownOf(shop, run)).toEqual({ "test / a": "success", "test / b": "failure" });
  });

  test("a run with more checks than a forge shows has one for all", async () => {
    const run = await start(...Array.from({ length: 51 }, (_, at) => ({ id: `j${at}` })));
    await end(run, "j0");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ test: "in_progress" });
    expect(checkRunsOf(shop, run)[0]?.output.title).toBe("1 of 51 jobs have ended");
  });

  test("a pull request's run does not write over the push's at the same commit", async () => {
    const push = await start({ id: "a" });
    const pull = await startReported(shop, project, planOf({ id: "a" }), { event: { sha: push.source?.sha ?? "" } });
    await deliver();
    expect(shownOf(shop, pull)).toEqual({ "test / a (pull request)": "queued" });
    expect(shownOf(shop, push)).toEqual({ "test / a": "queued" });
  });
});

describe("what is not the user's failure", () => {
  test("a lost job blocks, and says that it was the infrastructure", async () => {
    const run = await start({ id: "a", retries: { failed: 0, lost: 0 } });
    const { claims } = await runningAt(shop.deps, { runId: run.runId, jobId: "a" });
    await releaseJob(shop.deps, claims, "the host is going away");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "test / a": "cancelled" });
    expect(titleOf(run, "test / a")).toMatch(/^Infrastructure: /);
  });

  test("a lost attempt that is tried again stays in progress", async () => {
    const run = await start({ id: "a" });
    const { claims } = await runningAt(shop.deps, { runId: run.runId, jobId: "a" });
    await releaseJob(shop.deps, claims, "drained");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "test / a": "in_progress" });
    expect(titleOf(run, "test / a")).toBe("Waits for a runner again");
  });

  test("what could not run because something failed blocks; what nobody needed does not", async () => {
    const run = await start({ id: "build" }, { id: "test", needs: ["build"] });
    await end(run, "build", "failed");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "test / build": "failure", "test / test": "cancelled" });
  });

  test("an allowed failure does not block", async () => {
    const run = await start({ id: "a", allowFailure: true });
    await end(run, "a", "failed");
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "test / a": "neutral" });
  });

  test("canceled is canceled, and why", async () => {
    const run = await start({ id: "a" });
    await cancelRun(shop.deps, run, { actor: "ann", reason: "superseded by 1234" });
    await deliver();
    expect(shownOf(shop, run)).toEqual({ "test / a": "cancelled" });
    expect(titleOf(run, "test / a")).toBe("Canceled: superseded by 1234");
  });

  test("a run whose time is over takes what still runs with it", async () => {
    const run = await start({ id: "a" });
    await claimAt(shop.deps, { runId: run.runId, jobId: "a" });
    shop.world.clock.nowMs += 25 * HOUR_MS;
    await reconcileRun(shop.deps, { tenant: "main", runId: run.runId });
    await deliver();
    expect(shownOf(shop, run)["test / a"]).toBe("timed_out");
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

describe("a forge that fails", () => {
  test("is asked again after a backoff, and shows the same in the end, once", async () => {
    const run = await start({ id: "a" });
    shop.forge.fail({ path: /check-runs/, times: 5, how: { status: 500 } });
    await end(run, "a");
    await deliverReports(shop);
    expect(shownOf(shop, run)).toEqual({ "test / a": "success" });
    expect(checkRunsOf(shop, run)).toHaveLength(1);
  });

  test("is left alone for as long as it asks, whatever happens meanwhile", async () => {
    const run = await start({ id: "a" });
    shop.forge.fail({ path: /check-runs/, how: { status: 429, headers: { "retry-after": "120" } } });
    await deliver();
    const asked = shop.forge.requests.length;
    shop.world.clock.nowMs += MINUTE_MS;
    await end(run, "a");
    const hints = shop.world.sent.reports.filter(({ delayMs }) => delayMs === 0);
    expect(hints).not.toEqual([]);
    await reportRun(shop.deps, run);
    expect(shop.forge.requests).toHaveLength(asked);
    await deliverReports(shop);
    expect(shownOf(shop, run)).toEqual({ "test / a": "success" });
  });

  test("and answers what nobody can read is asked again", async () => {
    const run = await start({ id: "a" });
    await end(run, "a");
    const headers = { "content-type": "application/json" };
    shop.forge.fail({ path: /check-runs/, times: 2, how: { status: 200, headers, body: '{"id":' } });
    await deliverReports(shop);
    expect(shownOf(shop, run)).toEqual({ "test / a": "success" });
  });

  test.each([401, 403])("and answers %i is asked again: credentials are mended by an operator", async (status) => {
    const run = await start({ id: "a" });
    await end(run, "a");
    shop.forge.fail({ path: /check-runs/, times: 4, how: { status } });
    await deliverReports(shop);
    expect(shownOf(shop, run)).toEqual({ "test / a": "success" });
  });

  test.each([404, 410])("and answers %i is not asked again: given up, recorded, counted", async (status) => {
    const run = await start({ id: "a" });
    await end(run, "a");
    shop.forge.fail({ path: /check-runs/, times: 100, how: { status } });
    const before = shop.world.counted.get("ReportsFailed") ?? 0;
    await deliverReports(shop);
    expect(await outboxOf(shop.deps, run)).toMatchObject({
      state: "given_up",
      error: expect.stringContaining(String(status)),
    });
    expect(shop.world.counted.get("ReportsFailed")).toBe(before + 1);
    expect((await runOf(shop.deps, run.runId)).state).toBe("succeeded");
  });

  test("and refuses one status shows the others", async () => {
    const run = await start({ id: "a" }, { id: "b" });
    await end(run, "a");
    await end(run, "b");
    shop.forge.fail({ method: "POST", path: /check-runs$/, how: { status: 422 } });
    await deliverReports(shop);
    expect(checkRunsOf(shop, run)).toHaveLength(1);
    const outbox = await outboxOf(shop.deps, run);
    expect(outbox?.state).toBe("delivered");
    expect(Object.values(outbox?.sent ?? {}).filter(({ refused }) => refused !== undefined)).toHaveLength(1);
  });

  test("for days is given up in the end", async () => {
    const run = await start({ id: "a" });
    await end(run, "a");
    shop.forge.fail({ path: /check-runs/, times: 100_000, how: { status: 503 } });
    await deliverReports(shop, { until: shop.world.clock.nowMs + 7 * 24 * HOUR_MS });
    expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "given_up" });
  });
});

describe("what nobody told", () => {
  test("a birth whose hint was lost is shown by the next sweep", async () => {
    const run = await start({ id: "a" });
    shop.world.sent.reports.splice(0);
    await deliverReports(shop, { until: shop.world.clock.nowMs + 3 * MINUTE_MS });
    expect(shownOf(shop, run)).toEqual({ "test / a": "queued" });
  });

  test("an end whose hint was lost is shown within minutes", async () => {
    const run = await start({ id: "a" });
    await deliver();
    await end(run, "a");
    shop.world.sent.reports.splice(0);
    await deliverReports(shop, { until: shop.world.clock.nowMs + 10 * MINUTE_MS });
    expect(shownOf(shop, run)).toEqual({ "test / a": "success" });
  });

  test("what is shown already is not sent again, nor written down", async () => {
    const run = await start({ id: "a" });
    await deliver();
    const [asked, outbox] = [shop.forge.requests.length, await outboxOf(shop.deps, run)];
    await reportRun(shop.deps, run);
    await reportRun(shop.deps, run);
    expect(shop.forge.requests).toHaveLength(asked);
    expect(await outboxOf(shop.deps, run)).toEqual(outbox);
  });
});

test("a report can never change the run: every write of it is to an outbox", async () => {
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
  expect(new Set(written)).toEqual(new Set(["outbox"]));
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
    ["test / a", "pending"],
    ["test / a", "failure"],
  ]);
});

test("a project that was removed, or reports no more, is shown nothing more", async () => {
  const run = await start({ id: "a" });
  await shop.deps.projects.removeProject("main", project.name, shop.world.clock.nowMs);
  await deliver();
  expect(checkRunsOf(shop, run)).toEqual([]);
  expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "given_up", error: "the project was removed" });
});

test("ten reporters at once, while the run goes on, make each check run once, and its end is shown", async () => {
  const run = await start({ id: "a" }, { id: "b" });
  const many = () => Promise.all(Array.from({ length: 10 }, () => reportRun(shop.deps, run)));
  const { claims } = await runningAt(shop.deps, { runId: run.runId, jobId: "a" });
  await Promise.all([many(), completeJob(shop.deps, claims, lastWord()), many(), end(run, "b", "failed"), many()]);
  await deliver();
  expect(checkRunsOf(shop, run)).toHaveLength(2);
  expect(shownOf(shop, run)).toEqual({ "test / a": "success", "test / b": "failure" });
});

describe("the comment of a pull request", () => {
  test("that the forge refused, or that was switched off for a moment, is there with the next run", async () => {
    const owner = await shop.addProject({ reports: { mode: "checks", comment: true } });
    const event = { number: 80, sha: addCommit(shop.repository, { branch: "main" }).sha };
    addPull(shop.repository, { number: 80, branch: "feature", sha: event.sha });
    const ref = { tenant: "main", project: owner.name, number: 80 };
    shop.forge.fail({ path: /comments/, times: 100, how: { status: 404 } });
    await startReported(shop, owner, planOf({ id: "a" }), { event });
    await deliver();
    expect(await outboxOf(shop.deps, ref)).toMatchObject({ error: expect.stringContaining("404") });
    expect((await outboxOf(shop.deps, ref))?.wakeAtMs).toBeUndefined();
    shop.forge.heal();
    await startReported(shop, owner, planOf({ id: "a" }), { event });
    await deliver();
    expect(shop.repository.comments.filter(({ number }) => number === 80)).toHaveLength(1);

    await shop.deps.projects.changeProject({ ...owner, reports: { mode: "off", comment: true } }, owner);
    await reportComment(shop.deps, ref);
    await shop.deps.projects.changeProject(owner, owner);
    const other = await startReported(shop, owner, planOf({ id: "b" }), { event, pipelinePath: ".baton/other.yml" });
    await end(other, "b");
    await deliver();
    const bodies = shop.repository.comments.filter(({ number }) => number === 80).map(({ body }) => body);
    expect(bodies).toEqual([expect.stringContaining("| ✅ | `test / b (pull request)`")]);
  });

  test("holds the newest run of each pipeline, in one comment, whoever reports at once", async () => {
    const owner = await shop.addProject({ reports: { mode: "checks", comment: true } });
    const { sha } = addCommit(shop.repository, { branch: "main" });
    addPull(shop.repository, { number: 77, branch: "feature", sha });
    const event = { sha, number: 77 };
    const first = await startReported(shop, owner, planOf({ id: "a" }), { event });
    shop.world.clock.nowMs += 1_000;
    const docs = { ...planOf({ id: "b" }), pipeline: "docs" };
    const second = await startReported(shop, owner, docs, { event, pipelinePath: ".baton/docs.yml" });
    await Promise.all([reportRun(shop.deps, first), reportRun(shop.deps, second), reportRun(shop.deps, first)]);
    await end(first, "a", "failed");
    await end(second, "b");
    await deliver();
    const comments = shop.repository.comments.filter(({ number }) => number === 77);
    expect(comments).toHaveLength(1);
    expect(comments[0]?.body).toContain("| ❌ | `test / a (pull request)` |");
    expect(comments[0]?.body).toContain("| ✅ | `docs / b (pull request)` |");
    shop.world.clock.nowMs += 1_000;
    const newer = await startReported(shop, owner, planOf({ id: "a" }), { event });
    await deliver();
    await reportRun(shop.deps, first);
    expect(shop.repository.comments.find(({ number }) => number === 77)?.body).toContain(
      "| ⏳ | `test / a (pull request)` |",
    );
    await end(newer, "a");
    await deliver();
    expect(shop.repository.comments.filter(({ number }) => number === 77)).toHaveLength(1);
  });

  test("does not keep the mistake of a pipeline that was mended", async () => {
    const owner = await shop.addProject({ reports: { mode: "checks", comment: true } });
    const create = async (text: string) => {
      const { sha } = addCommit(shop.repository, { branch: "main" });
      addPull(shop.repository, { number: 79, branch: "feature", sha });
      const base = { branch: "main", sha };
      const pull = {
        event: "pull_request",
        action: "synchronize",
        number: 79,
        branch: "feature",
        base,
        fork: false,
      } as const;
      const trigger = { ...pull, sha, occurredAtMs: shop.world.clock.nowMs };
      const wanted = { project: owner, trigger, via: "webhook", path: ".baton/ci.yml", text } as const;
      const { run } = await createTriggeredRun(shop.deps, wanted);
      await deliver();
      shop.world.clock.nowMs += 1_000;
      return run;
    };
    const body = () => shop.repository.comments.find(({ number }) => number === 79)?.body;
    await create("jobs: {a: {needs: nobody, run: x}}");
    expect(body()).toContain("| ❌ | `.baton/ci.yml (pull request)` |");
    const run = await create("jobs: {a: {run: x}}");
    expect(body()).not.toContain("❌");
    await end(run, "a");
    await deliver();
    const { run: again } = await rerunRun(
      shop.deps,
      { tenant: "main", runId: run.runId, only: "all", watch: false },
      { principal: "p" },
    );
    await deliver();
    expect(again.reports).toBe(true);
    expect(
      body()
        ?.split("\n")
        .filter((line) => line.includes("(pull request)")),
    ).toEqual([expect.stringContaining("| ⏳ | `ci / a (pull request)` |")]);
  });

  test("is not written unless the project wants one", async () => {
    const { sha } = addCommit(shop.repository, { branch: "main" });
    addPull(shop.repository, { number: 78, branch: "feature", sha });
    await startReported(shop, project, planOf({ id: "a" }), { event: { sha, number: 78 } });
    await deliver();
    expect(shop.repository.comments.filter(({ number }) => number === 78)).toEqual([]);
  });
});
