import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import type { ReportDeps } from "../../shared/usecases/report-deps.ts";
import { reportRun } from "../../shared/usecases/report-run.ts";
import { dyingAt, type Moment, writingTwice } from "../support/faulty-deps.ts";
import { addCommit, addPull } from "../support/recording-forge/state.ts";
import type { FailureRule } from "../support/recording-forge.ts";
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
import { planOf } from "../support/scenario.ts";
import { HOUR_MS, MINUTE_MS } from "../support/times.ts";

/**
 * Each write of a reporter and each call to the forge is failed once, before and after it has landed. Then only messages, sweeps
 * and time go on: the forge must show the very same in the end, and each check run and the comment once.
 */

let shop: ReportWorld;
let project: ProjectItem;
let pulls = 0;
beforeAll(async () => {
  shop = await startReportWorld();
});
beforeEach(async () => {
  project = await shop.addProject({ reports: { mode: "checks", comment: true } });
});
afterEach(() => shop.clear());
afterAll(() => shop.stop());

const PLAN = planOf({ id: "good" }, { id: "bad" }, { id: "after", needs: ["bad"] });
const SHOWN = {
  "ci.yml / good → main": "success",
  "ci.yml / bad → main": "failure",
  "ci.yml / after → main": "cancelled",
};

/** A run of a pull request of its own, shown once while it went on, and then ended. */
async function endedRun(): Promise<{ run: RunItem; number: number }> {
  pulls += 1;
  const { sha } = addCommit(shop.repository, { branch: "main" });
  addPull(shop.repository, { number: pulls, branch: "feature", sha });
  const run = await startReported(shop, project, PLAN, { event: { sha, number: pulls } });
  return { run, number: pulls };
}

async function finish(run: RunItem): Promise<void> {
  await endReported(shop, run, "good");
  await endReported(shop, run, "bad", "failed");
}

async function expectShown({ run, number }: { run: RunItem; number: number }): Promise<void> {
  await deliverReports(shop, { until: shop.world.clock.nowMs + HOUR_MS });
  expect(shownOf(shop, run)).toEqual(SHOWN);
  expect(checkRunsOf(shop, run)).toHaveLength(3);
  expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "delivered" });
  const comments = shop.repository.comments.filter((comment) => comment.number === number);
  expect(comments.map(({ body }) => body.split("\n").filter((line) => line.includes("→ main")))).toEqual([
    [
      expect.stringContaining("| ✅ | `ci.yml / good → main`"),
      expect.stringContaining("| ❌ | `ci.yml / bad → main`"),
      expect.stringContaining("| ⚠️ | `ci.yml / after → main`"),
    ],
  ]);
}

/** Each of some forty writes is failed twice, and the whole report comes after each. */
const MANY_MS = 10 * MINUTE_MS;

/** The first report while the run goes on, or the last when it has ended. */
const PHASES = ["first", "last"] as const;

async function reported(phase: (typeof PHASES)[number]): Promise<{ run: RunItem; number: number }> {
  const made = await endedRun();
  if (phase === "first") return made;
  await deliverReports(shop, { until: shop.world.clock.nowMs });
  await finish(made.run);
  return made;
}

const swallowed = (call: Promise<void>) => call.catch(() => undefined);

describe("a reporter that dies", () => {
  for (const phase of PHASES)
    test(`at each of its writes, in its ${phase} report`, { timeout: MANY_MS }, async () => {
      let all = 0;
      for (const moment of ["before", "after"] satisfies Moment[]) {
        for (let nth = 1; ; nth += 1) {
          const made = await reported(phase);
          shop.world.sent.reports.splice(0);
          const dying = dyingAt(shop.deps, nth, moment);
          await swallowed(reportRun({ ...shop.deps, ...dying.deps } satisfies ReportDeps, made.run));
          if (dying.writes() < nth) break;
          all += 1;
          if (phase === "first") await finish(made.run);
          await expectShown(made);
        }
      }
      expect(all).toBeGreaterThan(8);
    });
});

const WAYS: readonly FailureRule["how"][] = [
  "lost",
  "reset",
  { status: 500 },
  { status: 502, body: "<html>" },
  { status: 429 },
];

describe("a forge that fails once", () => {
  for (const phase of PHASES)
    test.each(["lost", "in turn"])(`at each call of the ${phase} report: %s`, async (way) => {
      for (let nth = 1; ; nth += 1) {
        const how = way === "lost" ? way : (WAYS[nth % WAYS.length] ?? "reset");
        const made = await reported(phase);
        const before = shop.forge.requests.length;
        shop.forge.fail({ how, after: nth - 1 });
        await swallowed(reportRun(shop.deps, made.run));
        const calls = shop.forge.requests.length - before;
        shop.forge.heal();
        if (phase === "first") await finish(made.run);
        await expectShown(made);
        if (calls < nth) break;
      }
    });

  test("by not answering", async () => {
    const made = await reported("last");
    shop.forge.fail({ method: "PATCH", path: /check-runs/, how: "hang" });
    await expectShown(made);
  });
});

test("a database that answers each write twice changes nothing", async () => {
  const made = await reported("last");
  const twice = { ...shop.deps, ...writingTwice(shop.deps) };
  await deliverReports(shop, { depsOf: () => twice });
  await expectShown(made);
});

test("a forge where one in three calls fails, in every way, shows all of it in the end", async () => {
  const runs = [];
  for (let at = 0; at < 8; at += 1) runs.push(await reported(at % 2 === 0 ? "first" : "last"));
  for (let at = 0; at < 300; at += 1) {
    const how = WAYS[at % WAYS.length] ?? "reset";
    shop.forge.fail({ how, after: at * 3 });
  }
  for (const [at, { run }] of runs.entries()) if (at % 2 === 0) await finish(run);
  for (const made of runs) await swallowed(reportRun(shop.deps, made.run));
  await deliverReports(shop, { until: shop.world.clock.nowMs + 24 * HOUR_MS });
  shop.forge.heal();
  for (const made of runs) await expectShown(made);
});
