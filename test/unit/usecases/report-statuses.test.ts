import { describe, expect, test } from "vitest";
import type { Plan } from "../../../shared/domain/plan.ts";
import type { CheckItem, JobItem, RunItem } from "../../../shared/store/items.ts";
import { liveRun, planItems, type RunSeed } from "../../../shared/usecases/births.ts";
import { wantedStatuses } from "../../../shared/usecases/report-statuses.ts";
import { toForgeStatus } from "../../../shared/usecases/report-summary.ts";
import { planOf } from "../../support/scenario.ts";

/** What a forge is to show, of items as they may stand. */

const SHA = "a".repeat(40);
const SEED: RunSeed = {
  tenant: "main",
  runId: "run_1",
  project: "p",
  source: { kind: "git", url: "https://forge.test/p", sha: SHA },
  pipelinePath: ".baton/ci.yml",
  watch: false,
  createdBy: "webhook:push",
  createdAtMs: 1_000,
  reports: true,
  trigger: { event: "push", via: "webhook", occurredAtMs: 0, fork: false },
};

interface Changes {
  readonly run?: Partial<RunItem>;
  readonly job?: Partial<JobItem>;
  readonly check?: Partial<CheckItem>;
}

function statusesOf(plan: Plan, { run = {}, job = {}, check = {} }: Changes = {}) {
  const items = planItems(SEED, plan, 0);
  return wantedStatuses({
    run: { ...liveRun(SEED, plan.pipeline, "digest", items), ...run },
    jobs: items.jobs.map((one) => ({ ...one, ...job })),
    checks: items.checks.map((one) => ({ ...one, ...check })),
    joins: [],
  });
}
const ONE = planOf({ id: "a" });
const only = (changes: Changes, plan = ONE) => {
  const [status] = statusesOf(plan, changes);
  if (status === undefined) throw new Error("there is no status");
  return status;
};
const attempt = (end?: object) => ({
  "1": { claimId: "c", runnerId: "r", runnerName: "host", grantedAtMs: 1, startedAtMs: 2_000, ...(end && { end }) },
});
const ended = (state: JobItem["state"], end: object = {}): Partial<JobItem> => ({
  state,
  endedAtMs: 5_000,
  result: { fence: 1, outcome: state },
  attempts: attempt({ outcome: state === "lost" ? "lost" : "failed", atMs: 5_000, ...end }) as JobItem["attempts"],
});

describe("a job", () => {
  test.each([
    ["queued", {}, "queued", undefined],
    ["waiting", {}, "queued", undefined],
    ["leased", { attempts: attempt() }, "in_progress", undefined],
    ["running", { attempts: attempt() }, "in_progress", undefined],
    ["stopping", { attempts: attempt() }, "in_progress", undefined],
    ["queued", { attempts: attempt() }, "in_progress", undefined],
    ["succeeded", {}, "completed", "success"],
    ["failed", {}, "completed", "failure"],
    ["failed", { allowFailure: true }, "completed", "neutral"],
    ["timed_out", {}, "completed", "timed_out"],
    ["canceled", {}, "completed", "cancelled"],
    ["lost", {}, "completed", "cancelled"],
    ["lost", { allowFailure: true }, "completed", "neutral"],
    ["skipped", { resolved: { a: "passed" } }, "completed", "skipped"],
    ["skipped", { resolved: { a: "failed" } }, "completed", "cancelled"],
    ["skipped", { resolved: { a: "lost" } }, "completed", "cancelled"],
  ] as const)("that is %s %j is %s %s", (state, change, shown, conclusion) => {
    const status = only({ job: { state, ...change } as Partial<JobItem> });
    expect([status.state, status.conclusion]).toEqual([shown, conclusion]);
  });

  test("that was lost names the infrastructure and is never a failure", () => {
    const status = only({ job: ended("lost") });
    expect(status.conclusion).not.toBe("failure");
    expect(status.title).toMatch(/^Infrastructure/);
  });

  test("whose failure is not the user's says whose", () => {
    const job = ended("failed", { failure: { class: "tooling", message: "no such shell", step: "build" } });
    expect(only({ job }).title).toBe("Failed in build (tooling): no such shell");
  });

  test("tells how long it took, and when", () => {
    const status = only({ job: ended("succeeded", { outcome: "succeeded" }) });
    expect(status).toMatchObject({ title: "Passed in 3s", startedAtMs: 2_000, endedAtMs: 5_000 });
  });
});

describe("a run", () => {
  test.each([
    ["timed_out", "timed_out"],
    ["canceled", "cancelled"],
    ["errored", "cancelled"],
  ] as const)("that is over as %s takes its unfinished checks with it", (state, conclusion) => {
    const status = only({
      run: { state, endedAtMs: 9_000 },
      job: { state: "running", attempts: attempt() as JobItem["attempts"] },
    });
    expect(status).toMatchObject({ state: "completed", conclusion, endedAtMs: 9_000 });
  });

  test("that has passed as a whole does not say so of a job that never ended", () => {
    const status = only({ run: { state: "succeeded", endedAtMs: 9_000 }, job: { state: "running" } });
    expect(status.conclusion).toBe("cancelled");
  });

  test("is told by event, so that a push and a pull request of one commit do not share a name", () => {
    const names = (["push", "pull_request", "tag", "schedule"] as const).map(
      (event) => only({ run: { trigger: { event, via: "webhook", occurredAtMs: 0, fork: false } } }).name,
    );
    expect(names).toEqual(["ci.yml / a", "ci.yml / a (pull request)", "ci.yml / a (tag)", "ci.yml / a (schedule)"]);
  });

  test("with 50 checks shows each, with 51 one for all", () => {
    const jobs = (count: number) => planOf(...Array.from({ length: count }, (_, at) => ({ id: `j${at}` })));
    expect(statusesOf(jobs(50))).toHaveLength(50);
    expect(statusesOf(jobs(51)).map(({ name }) => name)).toEqual(["ci.yml"]);
  });

  test("that is not planned yet shows nothing; one that cannot be shows why", () => {
    const items = { jobs: [], checks: [], joins: [] };
    const run = liveRun(SEED, ".baton/ci.yml", "", { ...items, open: new Set() });
    const { planDigest: _, ...unplanned } = run;
    expect(wantedStatuses({ ...items, run: { ...unplanned, state: "planning" } })).toEqual([]);
    expect(wantedStatuses({ ...items, run: { ...unplanned, state: "plan_failed", reason: "line 3" } })).toMatchObject([
      { name: "ci.yml", conclusion: "failure", problem: "line 3" },
    ]);
  });
});

describe("a named check", () => {
  const plan = planOf({ id: "a", checks: ["tests"] }, { id: "b", checks: ["tests"] });
  const final = (outcome: "passed" | "failed" | "errored", tally: CheckItem["tally"]) =>
    only({ check: { state: "final", outcome, tally, remaining: 0 } }, plan);

  test("answers when all of its jobs have", () => {
    expect(only({ check: { remaining: 1 } }, plan)).toMatchObject({
      name: "ci.yml / tests",
      state: "queued",
      title: "1 of 2 jobs have answered",
    });
    expect(final("passed", { failed: 0, lost: 0 }).conclusion).toBe("success");
    expect(final("failed", { failed: 1, lost: 0 })).toMatchObject({
      conclusion: "failure",
      title: "1 of 2 jobs answered no",
    });
    expect(final("errored", { failed: 0, lost: 1 }).conclusion).toBe("cancelled");
  });
});

describe("its text", () => {
  const HOSTILE = "<script>x</script> @octocat [a](https://evil.test) `";
  const context = { run: liveRun(SEED, HOSTILE, "d", planItems(SEED, ONE, 0)), publicUrl: undefined, spec: undefined };

  test("SECURITY 30: shows what is from outside in code alone", () => {
    const failure = { class: "user", message: HOSTILE, step: HOSTILE } as const;
    const job = { ...ended("failed", { failure }), name: HOSTILE, reason: HOSTILE };
    const wanted = only({ job });
    const spec = {
      steps: [{ name: HOSTILE, run: "x", env: {} }],
      name: HOSTILE,
      env: {},
      secrets: [],
      timeoutMs: 1,
      artifacts: { paths: [], from: [] },
    };
    const trigger = SEED.trigger ?? { event: "push", via: "webhook", occurredAtMs: 0, fork: false };
    const { summary } = toForgeStatus(wanted, SHA, { ...context, trigger, spec });
    const bare = summary.replace(/(`{3,})text\n[\s\S]*?\n\1/g, "").replace(/`[^`\n]*`/g, "");
    expect(bare).not.toMatch(/<|@|\]\(/);
    expect(summary).toContain("❌");
  });

  test("names no link where nothing shows runs", () => {
    const trigger = { event: "push", via: "webhook", occurredAtMs: 0, fork: false } as const;
    expect(toForgeStatus(only({}), SHA, { ...context, trigger })).not.toHaveProperty("detailsUrl");
  });
});
