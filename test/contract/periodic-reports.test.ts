import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { TABLE_NAME } from "../../localstack/names.ts";
import { STATUS_DETAILED_MAX } from "../../shared/domain/limits.ts";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import { statusKey } from "../../shared/store/keys.ts";
import { statusRefOf } from "../../shared/usecases/reported.ts";
import { addCommit } from "../support/recording-forge/state.ts";
import {
  deliverReports,
  endReported,
  outboxOf,
  type ReportWorld,
  startReported,
  startReportWorld,
} from "../support/report-world.ts";
import { planOf } from "../support/scenario.ts";

/** A schedule on a branch that does not move, as its forge shows it: run after run at one commit. */

let shop: ReportWorld;
beforeAll(async () => {
  shop = await startReportWorld();
});
afterEach(() => shop.clear());
afterAll(() => shop.stop());

const NAME = "ci.yml / test (schedule)";
const trigger = {
  event: "schedule",
  via: "schedule",
  occurredAtMs: 0,
  fork: false,
  branch: "main",
  cron: "0 * * * *",
} as const;
const deliver = () => deliverReports(shop, { until: shop.world.clock.nowMs });

async function scheduled(project: ProjectItem, sha: string): Promise<RunItem> {
  shop.world.clock.nowMs += 60_000;
  const source = { kind: "git", url: "https://forge.test/acme/widgets", sha, branch: "main" } as const;
  const run = await startReported(shop, project, planOf({ id: "test" }), { source, trigger });
  await deliver();
  return run;
}

test("case C9: every scheduled run of a commit updates one check run; the last result stands until the next has ended", async () => {
  const project = await shop.addProject();
  const { sha } = addCommit(shop.repository, { branch: "main" });
  const checks = () => shop.repository.checkRuns.filter((run) => run.head_sha === sha);
  for (const outcome of ["succeeded", "succeeded", "failed", "succeeded"] as const) {
    const before = checks()[0]?.conclusion ?? null;
    const run = await scheduled(project, sha);
    expect(checks().map(({ conclusion }) => conclusion)).toEqual([before]);
    await endReported(shop, run, "test", outcome);
    await deliver();
    expect(checks()).toMatchObject([{ name: NAME, conclusion: outcome === "failed" ? "failure" : "success" }]);
    expect(checks()[0]?.output.summary).toContain(run.runId);
    expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "delivered" });
  }
});

test("case C9: with a token, near the limit of statuses only a result that differs is sent, and none is refused", async () => {
  const project = await shop.addProject({ forge: { credentials: "token" } });
  const { sha } = addCommit(shop.repository, { branch: "main" });
  const shown = () => shop.repository.statuses.filter((status) => status.sha === sha).map(({ state }) => state);
  const run = await scheduled(project, sha);
  await endReported(shop, run, "test");
  await deliver();
  expect(shown()).toEqual(["pending", "success"]);
  const Key = { ...statusKey(statusRefOf(project, sha, NAME)) };
  const names = { "#shown": "shown", "#sends": "sends" };
  const set = { UpdateExpression: "SET #shown.#sends = :n", ExpressionAttributeValues: { ":n": STATUS_DETAILED_MAX } };
  await shop.world.client.send(
    new UpdateCommand({ TableName: TABLE_NAME, Key, ExpressionAttributeNames: names, ...set }),
  );
  for (const outcome of ["succeeded", "succeeded", "failed", "failed", "succeeded"] as const) {
    const next = await scheduled(project, sha);
    await endReported(shop, next, "test", outcome);
    await deliver();
    expect(await outboxOf(shop.deps, next)).toMatchObject({ state: "delivered" });
  }
  expect(shown()).toEqual(["pending", "success", "failure", "success"]);
});

test("case C9: with a token, what has not ended is said once, whatever happens on the way", async () => {
  const project = await shop.addProject({ forge: { credentials: "token" } });
  const run = await startReported(shop, project, planOf({ id: "a" }, { id: "test", needs: ["a"] }));
  await deliver();
  await endReported(shop, run, "a");
  await deliver();
  await endReported(shop, run, "test");
  await deliver();
  const statuses = shop.repository.statuses.filter(({ sha }) => sha === run.source?.sha);
  const of = (name: string) => statuses.filter(({ context }) => context === name).map(({ state }) => state);
  expect(of("ci.yml / test")).toEqual(["pending", "success"]);
  expect(of("ci.yml / a")).toEqual(["pending", "success"]);
});
