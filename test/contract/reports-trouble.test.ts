import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import { completeJob } from "../../shared/usecases/end-attempt.ts";
import { reportRun } from "../../shared/usecases/report-run.ts";
import { REFUSALS } from "../support/recording-forge/faults.ts";
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
import { type JobWish, lastWord, planOf, runningAt, runOf } from "../support/scenario.ts";
import { HOUR_MS, MINUTE_MS } from "../support/times.ts";

/** Reports where a forge fails, a message is lost, or many report at once. */

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

describe("a forge that fails", () => {
  test("is asked again after a backoff, and shows the same in the end, once", async () => {
    const run = await start({ id: "a" });
    shop.forge.fail({ path: /check-runs/, times: 5, how: { status: 500 } });
    await end(run, "a");
    await deliverReports(shop);
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "success" });
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
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "success" });
  });

  test("and answers what nobody can read is asked again", async () => {
    const run = await start({ id: "a" });
    await end(run, "a");
    const headers = { "content-type": "application/json" };
    shop.forge.fail({ path: /check-runs/, times: 2, how: { status: 200, headers, body: '{"id":' } });
    await deliverReports(shop);
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "success" });
  });

  test.each([401, 403])("and answers %i is asked again: credentials are mended by an operator", async (status) => {
    const run = await start({ id: "a" });
    await end(run, "a");
    shop.forge.fail({ path: /check-runs/, times: 4, how: { status } });
    await deliverReports(shop);
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "success" });
  });

  test.each(["gone", "blocked", "validation"] as const)(
    "and finds it %s is not asked again: given up, recorded, counted",
    async (why) => {
      const run = await start({ id: "a" });
      await end(run, "a");
      shop.forge.set({ refuse: { why, path: "check-runs", times: 100 } });
      const before = shop.world.counted.get("ReportsFailed") ?? 0;
      await deliverReports(shop);
      const { message } = REFUSALS[why].body as { readonly message: string };
      expect(await outboxOf(shop.deps, run)).toMatchObject({
        state: "given_up",
        error: expect.stringContaining(message),
        errorKind: "final",
      });
      expect(shop.world.counted.get("ReportsFailed")).toBe(before + 1);
      expect((await runOf(shop.deps, run.runId)).state).toBe("succeeded");
    },
  );

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

  test("for days is given up in the end", { timeout: 5 * MINUTE_MS }, async () => {
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
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "queued" });
  });

  test("an end whose hint was lost is shown within minutes", async () => {
    const run = await start({ id: "a" });
    await deliver();
    await end(run, "a");
    shop.world.sent.reports.splice(0);
    await deliverReports(shop, { until: shop.world.clock.nowMs + 10 * MINUTE_MS });
    expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "success" });
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
  expect(shownOf(shop, run)).toEqual({ "ci.yml / a": "success", "ci.yml / b": "failure" });
});
