import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TABLE_NAME } from "../../localstack/names.ts";
import type { ProjectItem, RunItem } from "../../shared/store/items.ts";
import { outboxKey } from "../../shared/store/keys.ts";
import type { OutboxItem } from "../../shared/store/report-items.ts";
import { createTriggeredRun } from "../../shared/usecases/create-triggered-run.ts";
import { reportRun } from "../../shared/usecases/report-run.ts";
import { rerunRun } from "../../shared/usecases/rerun-run.ts";
import { toRunTrigger } from "../../shared/usecases/trigger-key.ts";
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
import { HOUR_MS } from "../support/times.ts";

/** Several runs at one commit, as a forge shows them: the name says what was tested, and a success covers no failure. */

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

const PLAN = planOf({ id: "test" });
const deliver = () => deliverReports(shop, { until: shop.world.clock.nowMs });
const deliverLate = () => deliverReports(shop, { until: shop.world.clock.nowMs + HOUR_MS });
const newSha = () => addCommit(shop.repository, { branch: "main" }).sha;

type Change = Parameters<typeof startReported>[3];
async function start(sha: string, change: NonNullable<Change> & { readonly trigger?: RunItem["trigger"] } = {}) {
  shop.world.clock.nowMs += 1;
  const source = { kind: "git", url: "https://forge.test/acme/widgets", sha, branch: "main" } as const;
  return startReported(shop, project, PLAN, { source, ...change });
}
const pull = (sha: string, number: number, base: string) =>
  start(sha, { event: { sha, number, base: { branch: base, sha: "b".repeat(40) } } });
const finish = (run: RunItem, isGood: boolean) => endReported(shop, run, "test", isGood ? "succeeded" : "failed");

/** As GitHub decides it: the newest check run, or status, of each name. */
function shownAt(sha: string): Record<string, string> {
  const checks = shop.repository.checkRuns.filter((run) => run.head_sha === sha);
  const statuses = shop.repository.statuses.filter((status) => status.sha === sha);
  return Object.fromEntries([
    ...checks.map((run) => [run.name, run.conclusion ?? run.status]),
    ...statuses.map((status) => [status.context, status.state]),
  ]);
}

/** As an older Baton left it. */
async function editOutbox(run: RunItem, sent: OutboxItem["sent"]): Promise<void> {
  const values = { ExpressionAttributeNames: { "#s": "sent" }, ExpressionAttributeValues: { ":s": sent } };
  const Key = { ...outboxKey(run) };
  await shop.world.client.send(
    new UpdateCommand({ TableName: TABLE_NAME, Key, UpdateExpression: "SET #s = :s", ...values }),
  );
}

/** The newest of each name: of commit statuses, in any case. */
const statesAt = (sha: string): Map<string, string> =>
  new Map(
    shop.repository.statuses
      .filter((status) => status.sha === sha)
      .map((one) => [one.context.toLowerCase(), one.state]),
  );

describe("case C1: names of commit statuses that differ in case alone are one name to GitHub", () => {
  beforeEach(async () => {
    project = await shop.addProject({ forge: { credentials: "token" } });
  });

  test.each([
    ["CI.yml", "ci.yml"],
    ["ci.yml", "CI.yml"],
    ["Ci.yml", "cI.yml"],
  ])(
    "of files: %s fails and %s passes, in either order: it stays red, until a rerun of the first is good",
    async (bad, good) => {
      for (const isBadFirst of [true, false]) {
        const sha = newSha();
        const runs = [
          [await start(sha, { pipelinePath: `.baton/${bad}` }), false],
          [await start(sha, { pipelinePath: `.baton/${good}` }), true],
        ] as const;
        for (const [run, isGood] of isBadFirst ? runs : runs.toReversed()) {
          await finish(run, isGood);
          await deliver();
        }
        expect(statesAt(sha)).toEqual(new Map([["ci.yml / test", "failure"]]));
        shop.world.clock.nowMs += 1;
        const request = { runId: runs[0][0].runId, tenant: "main", only: "all", watch: false } as const;
        const { run } = await rerunRun(shop.deps, request, { principal: "p" });
        await finish(run, true);
        await deliver();
        expect(statesAt(sha)).toEqual(new Map([["ci.yml / test", "success"]]));
      }
    },
  );

  test("of jobs in one run: Test fails, test passes after it, and it stays red", async () => {
    const sha = newSha();
    const source = { kind: "git", url: "https://forge.test/acme/widgets", sha, branch: "main" } as const;
    const run = await startReported(shop, project, planOf({ id: "Test" }, { id: "test" }), { source });
    await endReported(shop, run, "Test", "failed");
    await deliver();
    await endReported(shop, run, "test");
    await deliverLate();
    expect(statesAt(sha)).toEqual(new Map([["ci.yml / test", "failure"]]));
    expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "delivered" });
  });

  test("of tags: V1 fails, v1 passes after it", async () => {
    const sha = newSha();
    const tagged = (tag: string) =>
      start(sha, { trigger: { event: "tag", tag, via: "webhook", occurredAtMs: 1, fork: false } });
    const runs = [await tagged("V1"), await tagged("v1")] as const;
    await finish(runs[0], false);
    await deliver();
    await finish(runs[1], true);
    await deliver();
    expect([...statesAt(sha).values()]).toEqual(["failure"]);
  });
});

describe.each(["app", "token"] as const)("case C1, with credentials of an %s", (credentials) => {
  beforeEach(async () => {
    project = await shop.addProject({ forge: { credentials } });
  });

  test("case C1: ci.yml fails and ci.yaml passes later: two names", async () => {
    const sha = newSha();
    const bad = await start(sha, { pipelinePath: ".baton/ci.yml" });
    const good = await start(sha, { pipelinePath: ".baton/ci.yaml" });
    await finish(bad, false);
    await deliver();
    await finish(good, true);
    await deliver();
    expect(shownAt(sha)).toEqual({ "ci.yml / test": "failure", "ci.yaml / test": "success" });
  });

  test("case C1: one head in two pull requests, to main and release: the base is in the name", async () => {
    const sha = newSha();
    const toRelease = await pull(sha, 1, "release");
    const toMain = await pull(sha, 2, "main");
    await finish(toRelease, false);
    await deliver();
    await finish(toMain, true);
    await deliver();
    expect(shownAt(sha)).toEqual({ "ci.yml / test → release": "failure", "ci.yml / test → main": "success" });
  });

  test.each([
    [0, 1],
    [1, 0],
  ])(
    "case C1: two pull requests to one base share a name: the failure stays, in the order %i %i of their ends",
    async (first, second) => {
      const sha = newSha();
      const runs = [await pull(sha, 3, "main"), await pull(sha, 4, "main")];
      const isGood = [false, true];
      for (const at of [first, second]) {
        const run = runs[at];
        if (run === undefined) throw new Error(`there is no run ${at}`);
        await finish(run, isGood[at] === true);
        await deliver();
      }
      expect(shownAt(sha)).toEqual({ "ci.yml / test → main": "failure" });
    },
  );

  test("case C1: branches at one commit share a name, and none is better than the worst of them; a rerun replaces its own alone", async () => {
    const sha = newSha();
    const trigger = (branch: string) =>
      ({ event: "push", via: "webhook", occurredAtMs: 0, fork: false, branch }) as const;
    const onMain = await start(sha, { trigger: trigger("main") });
    const onTopic = await start(sha, { trigger: trigger("topic") });
    await finish(onMain, false);
    await deliver();
    await finish(onTopic, true);
    await deliver();
    expect(shownAt(sha)).toEqual({ "ci.yml / test": "failure" });
    shop.world.clock.nowMs += 1;
    const rerun = { tenant: "main", only: "all", watch: false } as const;
    const { run: topicAgain } = await rerunRun(shop.deps, { ...rerun, runId: onTopic.runId }, { principal: "p" });
    await finish(topicAgain, true);
    await deliver();
    expect(shownAt(sha)).toEqual({ "ci.yml / test": "failure" });
    const { run: mainAgain } = await rerunRun(shop.deps, { ...rerun, runId: onMain.runId }, { principal: "p" });
    await deliver();
    expect(shownAt(sha)["ci.yml / test"]).toBe(credentials === "app" ? "queued" : "pending");
    await finish(mainAgain, true);
    await deliver();
    expect(shownAt(sha)).toEqual({ "ci.yml / test": "success" });
    await reportRun(shop.deps, onMain);
    await deliver();
    expect(shownAt(sha)).toEqual({ "ci.yml / test": "success" });
  });

  test("case C1: a tag, a branch, a pull request and a schedule at one commit", async () => {
    const sha = newSha();
    const about = { via: "webhook", occurredAtMs: 0, fork: false } as const;
    const runs = [
      await start(sha),
      await start(sha, { trigger: { ...about, event: "tag", tag: "v1.0" } }),
      await start(sha, { trigger: { ...about, event: "schedule", branch: "main", cron: "0 3 * * *" } }),
      await pull(sha, 5, "main"),
    ];
    for (const [at, run] of runs.entries()) {
      await finish(run, at !== 1);
      await deliver();
    }
    expect(shownAt(sha)).toEqual({
      "ci.yml / test": "success",
      "ci.yml / test (tag v1.0)": "failure",
      "ci.yml / test (schedule)": "success",
      "ci.yml / test → main": "success",
    });
  });

  test("case C1: two schedules of a file on one commit, one that fails and one that passes after it", async () => {
    const sha = newSha();
    const about = { via: "schedule", occurredAtMs: 0, fork: false, event: "schedule", branch: "main" } as const;
    const nightly = await start(sha, { trigger: { ...about, cron: "0 3 * * *" } });
    const hourly = await start(sha, { trigger: { ...about, cron: "0 * * * *" } });
    await finish(nightly, false);
    await deliver();
    await finish(hourly, true);
    await deliver();
    expect(shownAt(sha)).toEqual({ "ci.yml / test (schedule)": "failure" });
  });

  test("case C1: two projects of one repository", async () => {
    const sha = newSha();
    const bad = await start(sha);
    await finish(bad, false);
    await deliver();
    project = await shop.addProject({ forge: { credentials, repository: "Acme/Widgets" } });
    shop.forge.repository("Acme/Widgets");
    const good = await start(sha);
    await finish(good, true);
    await deliver();
    expect(shownAt(sha)).toEqual({ "ci.yml / test": "failure" });
  });
});

test("case C1: a run whose plan failed, and is good when it is repeated, does not stay red under its file's name", async () => {
  const sha = newSha();
  const trigger = { event: "push", sha, branch: "main", occurredAtMs: 0 } as const;
  const about = { project, trigger, via: "webhook", path: ".baton/ci.yml" } as const;
  const { run } = await createTriggeredRun(shop.deps, { ...about, text: "jobs: {a: {needs: nobody, run: x}}" });
  await deliver();
  expect(shownAt(sha)).toEqual({ "ci.yml": "failure" });
  const again = await start(sha, { rerunOf: run.runId, trigger: toRunTrigger(trigger, "webhook", 0) });
  await finish(again, true);
  await deliver();
  expect(shownAt(sha)).toEqual({ "ci.yml": "neutral", "ci.yml / test": "success" });
});

test("case C1: reports that are lost, doubled and late change nothing of the end", async () => {
  const sha = newSha();
  const runs = [await pull(sha, 6, "main"), await pull(sha, 7, "main"), await pull(sha, 8, "main")];
  for (const [at, run] of runs.entries()) await finish(run, at !== 0);
  shop.world.sent.reports.splice(0);
  shop.forge.fail({ path: /check-runs/, times: 3, how: "lost" });
  await Promise.all(runs.flatMap((run) => [reportRun(shop.deps, run), reportRun(shop.deps, run)]));
  await deliverLate();
  for (const run of runs.toReversed()) await reportRun(shop.deps, run);
  await deliverLate();
  expect(shownAt(sha)).toEqual({ "ci.yml / test → main": "failure" });
  expect(shop.repository.checkRuns.filter((run) => run.head_sha === sha)).toHaveLength(1);
  for (const run of runs) expect(await outboxOf(shop.deps, run)).toMatchObject({ state: "delivered" });
  const [check] = shop.repository.checkRuns.filter((run) => run.head_sha === sha);
  expect(check?.output.summary).toContain("| `pull request 8` | `Passed");
});

test("case C1: a run that was open at the upgrade ends under its old names, too, and shows the new ones", async () => {
  const sha = newSha();
  const run = await start(sha);
  const { putStatus } = shop.deps.forge;
  const key = `${run.runId}/test`;
  const { trigger } = run;
  if (trigger === undefined) throw new Error("the run has no trigger");
  const before = {
    sha,
    key,
    name: "test / test",
    state: "queued",
    title: "Waits",
    summary: "",
    annotations: [],
    trigger,
  } as const;
  const id = await putStatus(project, before, undefined);
  await editOutbox(run, { [key]: { digest: "of what it showed", id } });
  await finish(run, false);
  await deliver();
  expect(shownAt(sha)).toEqual({ "test / test": "failure", "ci.yml / test": "failure" });
  expect(shop.repository.checkRuns.filter((check) => check.head_sha === sha)).toHaveLength(2);
  const later = await start(newSha());
  await finish(later, true);
  await deliver();
  expect(Object.keys(shownAt(later.source?.sha ?? ""))).toEqual(["ci.yml / test"]);
});
