import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { explainRun } from "../../cli/explain/explain-run.ts";
import { FORGE_LAG_MS } from "../../shared/domain/limits.ts";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import type { OutboxItem } from "../../shared/store/report-items.ts";
import { toReportsView } from "../../shared/usecases/read-reports.ts";
import { readJobs, readRun } from "../../shared/usecases/read-runs.ts";
import { reportRun } from "../../shared/usecases/report-run.ts";
import type { REFUSALS } from "../support/recording-forge/faults.ts";
import {
  deliverReports,
  endReported,
  outboxOf,
  type ReportWorld,
  shownOf,
  startReported,
  startReportWorld,
} from "../support/report-world.ts";
import { planOf } from "../support/scenario.ts";
import { HOUR_MS, MINUTE_MS } from "../support/times.ts";

/** What a forge refuses decides what becomes of a report: again at once, after a while, when somebody has mended it, or never. */

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

const SHOWN = { "ci.yml / a": "success", "ci.yml / b": "success" };

async function endedRun(): Promise<RunItem> {
  const run = await startReported(shop, project, planOf({ id: "a" }, { id: "b" }));
  await endReported(shop, run, "a");
  await endReported(shop, run, "b");
  return run;
}
const shaOf = (run: RunItem) => run.source?.sha ?? "";
const after = (ms: number) => deliverReports(shop, { until: shop.world.clock.nowMs + ms });

test.each(["app", "token"] as const)(
  "case C5: a replica that lags, with credentials of an %s: the whole run is shown",
  async (credentials) => {
    project = await shop.addProject({ forge: { credentials } });
    const run = await endedRun();
    shop.forge.set({ lagging: { what: shaOf(run), times: 5 } });
    await after(5 * MINUTE_MS);
    const statuses = shop.repository.statuses.filter(({ sha }) => sha === shaOf(run));
    if (credentials === "app") expect(shownOf(shop, run)).toEqual(SHOWN);
    else expect(statuses.map(({ state }) => state)).toEqual(["success", "success"]);
    expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "delivered" });
  },
);

test("case C5: a commit that is not there after the time of any lag is given up, and says so", async () => {
  const run = await endedRun();
  shop.forge.set({ lagging: { what: shaOf(run), forMs: 24 * HOUR_MS } });
  await after(FORGE_LAG_MS / 2);
  expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "pending", errorKind: "lagging" });
  await after(2 * FORGE_LAG_MS);
  expect(await outboxOf(shop.deps, run)).toMatchObject({
    state: "given_up",
    error: expect.stringMatching(/404|No commit found/),
  });
});

test.each([
  ["badCredentials", "check-runs"],
  ["notAccessible", "check-runs"],
  ["suspended", "access_tokens"],
  ["permissionsNotGranted", "access_tokens"],
  ["repositoryNotInstalled", "access_tokens"],
  ["notFound", "access_tokens"],
  ["notFound", "/installation$"],
] as const)("case C5: %s at %s waits until an operator has mended it", async (why, path) => {
  const fresh = shop.freshDeps();
  const run = await endedRun();
  shop.forge.set({ refuse: { why, path, times: 10_000 } });
  await deliverReports({ ...shop, deps: fresh }, { until: shop.world.clock.nowMs + 3 * HOUR_MS });
  expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "pending", errorKind: "mendable" });
  shop.forge.heal();
  await deliverReports({ ...shop, deps: fresh }, { until: shop.world.clock.nowMs + HOUR_MS });
  expect(shownOf(shop, run)).toEqual(SHOWN);
});

/** What says nothing of the report, whoever it comes from. */
const STRANGERS = [
  "unavailable",
  "page",
  "truncated",
  "empty",
  "denied",
  "missingPage",
  "badRequest",
  "notAllowed",
  "tooLong",
  "locked",
  "signIn",
  "proxySignIn",
] as const satisfies readonly (keyof typeof REFUSALS)[];
const STRANGE_CALLS = [
  ["app", "GET", "check-runs"],
  ["app", "POST", "check-runs"],
  ["app", "POST", "access_tokens"],
  ["token", "POST", "statuses"],
] as const;

test.each(STRANGERS.flatMap((why) => STRANGE_CALLS.map((call) => [why, ...call] as const)))(
  "case C5: %s, with credentials of an %s, to %s %s, is tried again",
  async (why, credentials, method, path) => {
    project = await shop.addProject({ forge: { credentials } });
    const fresh = { ...shop, deps: shop.freshDeps() };
    const run = await endedRun();
    const nowMs = shop.world.clock.nowMs;
    shop.forge.set({ refuse: { why, method, path, times: 10_000 } });
    await deliverReports(fresh, { until: nowMs + HOUR_MS });
    const waiting = await readJobs(shop.deps, run.runId);
    expect(waiting.reports).toMatchObject({ state: "pending", nextAtMs: expect.any(Number) });
    expect(waiting.reports?.problems).not.toEqual([]);
    shop.forge.heal();
    await deliverReports(fresh, { until: nowMs + 2 * HOUR_MS });
    const statuses = shop.repository.statuses.filter(({ sha }) => sha === shaOf(run));
    if (credentials === "app") expect(shownOf(shop, run)).toEqual(SHOWN);
    else expect(new Set(statuses.map(({ state, context }) => `${context}: ${state}`)).size).toBe(2);
    expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "delivered" });
  },
);

test("case C5: a token that may not write statuses is told so by 404, and waits until it may", async () => {
  project = await shop.addProject({ forge: { credentials: "token" } });
  const run = await endedRun();
  shop.forge.set({ refuse: { why: "notFound", method: "POST", path: "statuses", times: 10_000 } });
  await after(5 * HOUR_MS);
  const { reports } = await readJobs(shop.deps, run.runId);
  expect(reports).toMatchObject({ state: "pending" });
  expect(reports?.problems[0]).toMatchObject({ state: "waits", advice: expect.stringContaining("permissions") });
  shop.forge.heal();
  await after(HOUR_MS);
  expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "delivered" });
});

test("case C5: one status that is refused for good costs none of the others, and none later", async () => {
  const run = await startReported(shop, project, planOf({ id: "a" }, { id: "b" }));
  shop.forge.set({ refuse: { why: "validation", method: "POST", path: "check-runs$" } });
  await after(0);
  await endReported(shop, run, "a");
  await endReported(shop, run, "b");
  await after(MINUTE_MS);
  expect(shownOf(shop, run)).toEqual(SHOWN);
  expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "delivered" });
});

test("case C5: a limit is waited for as long as it says, and not a call longer", async () => {
  const run = await endedRun();
  const before = shop.forge.requests.length;
  shop.forge.set({ secondaryLimit: { forMs: 90_000 } });
  await reportRun(shop.deps, run);
  const refused = shop.forge.requests.length - before;
  expect(await outboxOf(shop.deps, run)).toMatchObject({
    errorKind: "limited",
    wakeAtMs: shop.world.clock.nowMs + 90_000,
  });
  await after(80_000);
  expect(shop.forge.requests).toHaveLength(before + refused);
  shop.forge.heal();
  await after(5 * MINUTE_MS);
  expect(shownOf(shop, run)).toEqual(SHOWN);
});

test("case C5: a report that waits, and one that was given up, are told with the forge's words and what to do", async () => {
  const run = await startReported(shop, project, planOf({ id: "a" }, { id: "b" }));
  shop.forge.set({ refuse: { why: "validation", method: "POST", path: "check-runs$" } });
  shop.forge.set({ lagging: { what: shaOf(run), forMs: HOUR_MS } });
  await after(0);
  const seen = await readJobs(shop.deps, run.runId);
  expect(seen.reports).toMatchObject({
    state: "pending",
    nextAtMs: expect.any(Number),
    problems: [
      {
        name: expect.stringMatching(/^ci\.yml \/ [ab]$/),
        state: "waits",
        message: expect.stringContaining("404"),
        sinceMs: shop.world.clock.nowMs,
      },
      { name: expect.stringMatching(/^ci\.yml \/ [ab]$/), state: "waits" },
    ],
  });
  shop.forge.heal();
  shop.forge.set({ refuse: { why: "validation", method: "POST", path: "check-runs$", times: 9 } });
  await endReported(shop, run, "a");
  await endReported(shop, run, "b");
  await after(30 * MINUTE_MS);
  const over = await readJobs(shop.deps, run.runId);
  expect(over.reports?.problems).toMatchObject([
    {
      name: "ci.yml / a",
      state: "given_up",
      message: expect.stringContaining("Validation Failed"),
      advice: expect.stringContaining("baton runs rerun"),
    },
    { name: "ci.yml / b", state: "given_up" },
  ]);
  const time = { nowMs: 0, at: (atMs: number) => `at ${atMs}`, span: String };
  expect(explainRun({ ...over, run: { ...over.run, history: {} } }, time).join("\n")).toContain(
    "Report to the forge: ci.yml / a was given up: GitHub answered 422",
  );
  expect((await readRun(shop.deps, run.runId)).reports).toEqual(over.reports);
});

test("case C5: credentials that must be mended are told once, for all of the run's reports", async () => {
  const run = await endedRun();
  shop.forge.set({ refuse: { why: "notAccessible", path: "check-runs", times: 1_000 } });
  await after(0);
  const { reports } = await readJobs(shop.deps, run.runId);
  expect(reports?.problems.length).toBeGreaterThan(0);
  for (const problem of reports?.problems ?? [])
    expect(problem).toMatchObject({ state: "waits", advice: expect.stringContaining("permissions") });
});

test("case C5: text from a forge is bounded where it is shown, and so are the problems", () => {
  const sent = Object.fromEntries(
    Array.from({ length: 50 }, (_, at) => [`status/job${at}`, { digest: "", refused: "x".repeat(500) }]),
  );
  const run = { pipeline: "ci", pipelinePath: ".baton/ci.yml" } as RunItem;
  const view = toReportsView(run, {
    state: "given_up",
    sent,
    tries: 0,
    error: "y",
    errorKind: "passing",
  } as unknown as OutboxItem);
  expect(view.problems).toHaveLength(20);
  expect(view.more).toBe(31);
  expect(view.problems[0]).toMatchObject({ message: "y", advice: expect.stringContaining("failed for too long") });
});
