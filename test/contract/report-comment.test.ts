import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import { createTriggeredRun } from "../../shared/usecases/create-triggered-run.ts";
import { reportComment } from "../../shared/usecases/report-pull.ts";
import { reportRun } from "../../shared/usecases/report-run.ts";
import { rerunRun } from "../../shared/usecases/rerun-run.ts";
import { addCommit, addPull } from "../support/recording-forge/state.ts";
import {
  deliverReports,
  endReported,
  outboxOf,
  type ReportWorld,
  startReported,
  startReportWorld,
} from "../support/report-world.ts";
import { type lastWord, planOf } from "../support/scenario.ts";
import { MINUTE_MS } from "../support/times.ts";

/** The comment of a pull request, as its forge shows it. */

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

const end = (run: RunItem, jobId: string, ...word: Parameters<typeof lastWord>) =>
  endReported(shop, run, jobId, ...word);
const deliver = () => deliverReports(shop, { until: shop.world.clock.nowMs });

describe("the comment of a pull request", () => {
  test.each(["page", "missingPage", "denied", "signIn"] as const)(
    "case C5: that a proxy's answer (%s) came for is sent again, and no other one is written beside it",
    async (why) => {
      const owner = await shop.addProject({ reports: { mode: "checks", comment: true } });
      const number = 81 + ["page", "missingPage", "denied", "signIn"].indexOf(why) * 1_000;
      const event = { number, sha: addCommit(shop.repository, { branch: "main" }).sha };
      addPull(shop.repository, { number, branch: "feature", sha: event.sha });
      const run = await startReported(shop, owner, planOf({ id: "a" }), { event });
      await deliver();
      shop.forge.set({ refuse: { why, method: "PATCH", path: "comments|check-runs", times: 6 } });
      await end(run, "a");
      await deliverReports(shop, { until: shop.world.clock.nowMs + 60 * MINUTE_MS });
      const comments = shop.repository.comments.filter((one) => one.number === number);
      expect(comments.map(({ body }) => body)).toEqual([expect.stringContaining("| ✅ |")]);
      const checks = shop.repository.checkRuns.filter(({ head_sha: sha }) => sha === event.sha);
      expect(checks.map(({ conclusion }) => conclusion)).toEqual(["success"]);
    },
  );

  test("that the forge refused, or that was switched off for a moment, is there with the next run", async () => {
    const owner = await shop.addProject({ reports: { mode: "checks", comment: true } });
    const event = { number: 80, sha: addCommit(shop.repository, { branch: "main" }).sha };
    addPull(shop.repository, { number: 80, branch: "feature", sha: event.sha });
    const ref = { tenant: "main", project: owner.name, number: 80 };
    shop.forge.fail({ path: /comments/, times: 100, how: { status: 410 } });
    await startReported(shop, owner, planOf({ id: "a" }), { event });
    await deliver();
    expect(await outboxOf(shop.deps, ref)).toMatchObject({ error: expect.stringContaining("410") });
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
    expect(bodies).toEqual([expect.stringContaining("| ✅ | `other.yml / b → main`")]);
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
    expect(comments[0]?.body).toContain("| ❌ | `ci.yml / a → main` |");
    expect(comments[0]?.body).toContain("| ✅ | `docs.yml / b → main` |");
    shop.world.clock.nowMs += 1_000;
    const newer = await startReported(shop, owner, planOf({ id: "a" }), { event });
    await deliver();
    await reportRun(shop.deps, first);
    expect(shop.repository.comments.find(({ number }) => number === 77)?.body).toContain(
      "| ⏳ | `ci.yml / a → main` |",
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
    expect(body()).toContain("| ❌ | `ci.yml → main` |");
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
        .filter((line) => line.includes("→ main")),
    ).toEqual([expect.stringContaining("| ⏳ | `ci.yml / a → main` |")]);
  });

  test("is not written unless the project wants one", async () => {
    const { sha } = addCommit(shop.repository, { branch: "main" });
    addPull(shop.repository, { number: 78, branch: "feature", sha });
    await startReported(shop, project, planOf({ id: "a" }), { event: { sha, number: 78 } });
    await deliver();
    expect(shop.repository.comments.filter(({ number }) => number === 78)).toEqual([]);
  });
});
