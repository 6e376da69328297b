import { describe, expect, test } from "vitest";
import {
  HEARTBEAT_MS,
  LEASE_OVERTIME_MS,
  REOFFER_AGES_MS,
  TICK_MAX_MS,
  TICK_MIN_MS,
} from "../../../shared/domain/limits.ts";
import { allOf } from "../../../shared/domain/predicate.ts";
import type { CheckItem, JobItem, JoinItem, RunItem } from "../../../shared/store/items.ts";
import { checkNode, jobNode, joinNode } from "../../../shared/store/keys.ts";
import { dueActions, nextWakeMs } from "../../../shared/usecases/due-actions.ts";

/** What is due in a run, from its items alone, at the very moment and not before. */

const NOW_MS = 1_000_000_000;
const FAR_MS = NOW_MS * 2;

const runOf = (change: Partial<RunItem> = {}): RunItem =>
  ({
    state: "live",
    planDigest: "d",
    hardDeadlineMs: FAR_MS,
    tickedAtMs: NOW_MS - 1,
    open: new Set(),
    ...change,
  }) as RunItem;
const jobOf = (change: Partial<JobItem> = {}): JobItem =>
  ({
    jobId: "one",
    state: "queued",
    resolved: {},
    checks: {},
    timeoutMs: 60_000,
    createdAtMs: NOW_MS,
    queuedAtMs: NOW_MS,
    queueDeadlineMs: FAR_MS,
    ...change,
  }) as JobItem;
const leased = (expiresAtMs: number, change: Partial<JobItem> = {}, grantedAtMs = NOW_MS): JobItem =>
  jobOf({ state: "running", lease: { expiresAtMs, grantedAtMs } as JobItem["lease"], ...change } as Partial<JobItem>);

interface Parts {
  readonly run?: Partial<RunItem>;
  readonly jobs?: readonly JobItem[];
  readonly checks?: readonly Partial<CheckItem>[];
  readonly joins?: readonly Partial<JoinItem>[];
}
const itemsOf = ({ run, jobs = [], checks = [], joins = [] }: Parts) => ({
  run: runOf(run),
  jobs: [...jobs],
  checks: checks as CheckItem[],
  joins: joins as JoinItem[],
});
const due = (parts: Parts): string[] =>
  dueActions(itemsOf(parts), NOW_MS).map((action) =>
    "job" in action
      ? `${action.kind} ${action.job.jobId}`
      : `${action.kind} ${action.node.node} ${JSON.stringify(action.node.tally)}`,
  );

const timeoutAt = (job: JobItem, atMs: number) =>
  leased(FAR_MS, { timeoutMs: job.timeoutMs }, atMs - job.timeoutMs - LEASE_OVERTIME_MS / 2);
const waiting = (resolved: Record<string, string>) =>
  jobOf({ jobId: "two", state: "waiting", needs: allOf(["one"]), resolved });
const needless = (): JobItem => {
  const { needs: _none, ...job } = waiting({});
  return job as JobItem;
};

const JOBS: readonly (readonly [string, Parts, readonly string[]])[] = [
  ["a lease that ran out", { jobs: [leased(NOW_MS - 1)] }, ["expire one"]],
  ["a lease at its last moment", { jobs: [leased(NOW_MS)] }, []],
  ["a stopping job whose lease ran out", { jobs: [leased(NOW_MS - 1, { state: "stopping" })] }, ["expire one"]],
  ["a stopping job", { run: { state: "canceling" }, jobs: [leased(FAR_MS, { state: "stopping" })] }, []],
  ["a job of a run that is being canceled", { run: { state: "canceling" }, jobs: [leased(FAR_MS)] }, ["cancel one"]],
  ["a job of a run that its deadline closed", { run: { state: "timed_out" }, jobs: [jobOf()] }, ["cancel one"]],
  [
    "an ended job of a run that its deadline closed",
    { run: { state: "timed_out" }, jobs: [jobOf({ state: "succeeded" })] },
    [],
  ],
  ["an attempt past its timeout", { jobs: [timeoutAt(jobOf(), NOW_MS - 1)] }, ["timeout one"]],
  ["an attempt at its timeout", { jobs: [timeoutAt(jobOf(), NOW_MS)] }, []],
  ["a queued job past its deadline", { jobs: [jobOf({ queueDeadlineMs: NOW_MS - 1 })] }, ["abandon one"]],
  ["a queued job at its deadline", { jobs: [jobOf({ queueDeadlineMs: NOW_MS })] }, []],
  ["a held job without approval", { jobs: [jobOf({ state: "held" })] }, []],
  ["a held job with one that is asked for", { run: { approval: {} as never }, jobs: [jobOf({ state: "held" })] }, []],
  [
    "a held job with its approval",
    { run: { approval: { atMs: 1 } as never }, jobs: [jobOf({ state: "held" })] },
    ["admit one"],
  ],
  [
    "a waiting job whose need has ended",
    { run: { open: new Set() as never }, jobs: [jobOf({ state: "succeeded" }), waiting({})] },
    ["resolve two"],
  ],
  ["a waiting job whose need goes on", { jobs: [leased(FAR_MS), waiting({})] }, []],
  [
    "a waiting job whose need was told",
    { jobs: [jobOf({ state: "succeeded" }), waiting({ one: "passed" })] },
    ["advance two"],
  ],
  ["a waiting job that needs nothing", { jobs: [needless()] }, []],
  ["a run without a plan", { run: { planDigest: undefined } as never, jobs: [leased(NOW_MS - 1)] }, []],
];

describe("due is", () => {
  test.each(JOBS)("%s: %j", (_title, parts, expected) => {
    expect(due(parts)).toEqual(expected);
  });

  test("a job that ended and still stands in its run or its join, and no other", () => {
    const job = jobOf({ state: "failed" });
    expect(due({ run: { open: new Set([jobNode("one")]) }, jobs: [job] })).toEqual(["settle one"]);
    expect(due({ joins: [{ number: "1", open: new Set([jobNode("one")]) } as never], jobs: [job] })).toEqual([
      "settle one",
    ]);
    expect(due({ run: { open: new Set([jobNode("two")]) }, jobs: [job] })).toEqual([]);
  });

  test("a job that ended and has not answered one of its checks", () => {
    const job = jobOf({ state: "failed", checks: { lint: 1, unit: 2 } });
    const lint = { checkId: "lint", state: "waiting", resolved: { one: "failed" } } as Partial<CheckItem>;
    const unit = (resolved: Record<string, string>) =>
      ({ checkId: "unit", state: "waiting", resolved }) as Partial<CheckItem>;
    expect(due({ jobs: [job], checks: [lint, unit({ other: "passed" })] })).toEqual(["settle one"]);
    expect(due({ jobs: [job], checks: [lint, unit({ one: "failed" })] })).toEqual([]);
    expect(due({ jobs: [job], checks: [lint] })).toEqual([]);
  });

  test("a check that is final, and a join that is empty, while the run is open for them", () => {
    const open = new Set([checkNode("lint"), joinNode("1")]);
    const final = { checkId: "lint", state: "final", outcome: "failed", resolved: {} } as Partial<CheckItem>;
    const { outcome: _unknown, ...unknown } = final;
    const empty = { number: "1", tally: { failed: 2, lost: 1 } } as never;
    const lint = (tally: object) => `endNode ${checkNode("lint")} ${JSON.stringify(tally)}`;
    const join = `endNode ${joinNode("1")} ${JSON.stringify({ failed: 2, lost: 1 })}`;
    expect(due({ run: { open }, checks: [final], joins: [empty] })).toEqual([lint({ failed: 1, lost: 0 }), join]);
    expect(due({ run: { open }, checks: [unknown] })).toEqual([lint({ failed: 0, lost: 1 })]);
    expect(due({ run: { open }, checks: [{ ...final, state: "waiting" }] })).toEqual([]);
    expect(due({ checks: [final], joins: [empty] })).toEqual([]);
    expect(due({ run: { open }, joins: [{ number: "1", open: new Set(["x"]) } as never] })).toEqual([]);
    const { open: _none, ...closed } = runOf();
    expect(
      dueActions({ run: closed as RunItem, jobs: [], checks: [final as CheckItem], joins: [empty] }, NOW_MS),
    ).toEqual([]);
  });
});

describe("a queued job is offered again", () => {
  const offered = (ageMs: number, tickedAgoMs: number) =>
    dueActions(
      itemsOf({ run: { tickedAtMs: NOW_MS - tickedAgoMs }, jobs: [jobOf({ queuedAtMs: NOW_MS - ageMs })] }),
      NOW_MS,
    ).map((action) => (action.kind === "reoffer" ? action.ageMs : action.kind));
  const [first = 0] = REOFFER_AGES_MS;
  const last = REOFFER_AGES_MS.at(-1) ?? 0;

  test("at each of the growing ages, once", () => {
    for (const ageMs of REOFFER_AGES_MS) {
      expect(offered(ageMs, 1)).toEqual([ageMs]);
      expect(offered(ageMs - 1, 1)).toEqual([]);
      expect(offered(ageMs + 1, 1)).toEqual([]);
      expect(offered(ageMs + 1, 2)).toEqual([ageMs + 1]);
    }
  });

  test("then each time that the last of them has passed again", () => {
    expect(offered(2 * last, 1)).toEqual([2 * last]);
    expect(offered(2 * last - 1, 1)).toEqual([]);
    expect(offered(3 * last, last - 1)).toEqual([3 * last]);
    expect(offered(3 * last + 1, 1)).toEqual([]);
  });

  test("by its birth, where nothing says since when it waits", () => {
    const { queuedAtMs: _none, ...job } = jobOf({ createdAtMs: NOW_MS - first });
    expect(due({ jobs: [job as JobItem] })).toEqual(["reoffer one"]);
    const { queueDeadlineMs: _never, ...endless } = jobOf();
    expect(due({ jobs: [endless as JobItem] })).toEqual([]);
  });
});

describe("a run is looked at again", () => {
  const wakeIn = (parts: Parts) => nextWakeMs(itemsOf(parts), NOW_MS) - NOW_MS;
  const IN_MS = 10_000;

  test("right after its earliest deadline", () => {
    expect(wakeIn({ jobs: [leased(NOW_MS + IN_MS), jobOf()] })).toBe(IN_MS + 1);
    expect(wakeIn({ jobs: [timeoutAt(jobOf(), NOW_MS + IN_MS)] })).toBe(IN_MS + 1);
    expect(wakeIn({ jobs: [jobOf({ queueDeadlineMs: NOW_MS + IN_MS })] })).toBe(IN_MS + 1);
    expect(wakeIn({ run: { hardDeadlineMs: NOW_MS + IN_MS } })).toBe(IN_MS);
  });

  test("within the bounds of a tick", () => {
    expect(wakeIn({})).toBe(TICK_MAX_MS);
    expect(wakeIn({ jobs: [leased(FAR_MS)] })).toBe(TICK_MAX_MS);
    expect(wakeIn({ jobs: [leased(NOW_MS - 5)] })).toBe(TICK_MIN_MS);
    expect(wakeIn({ run: { hardDeadlineMs: NOW_MS } })).toBe(TICK_MIN_MS);
  });

  test("by nothing that has ended, waits, or is being stopped but for its lease", () => {
    expect(wakeIn({ jobs: [leased(NOW_MS + IN_MS, { state: "succeeded" }), waiting({})] })).toBe(TICK_MAX_MS);
    const stopping = { ...timeoutAt(jobOf(), NOW_MS + IN_MS), state: "stopping" } as JobItem;
    expect(wakeIn({ jobs: [stopping] })).toBe(TICK_MAX_MS);
    expect(wakeIn({ run: { state: "timed_out", hardDeadlineMs: NOW_MS - 1 } })).toBe(TICK_MAX_MS);
    expect(wakeIn({ jobs: [jobOf({ state: "held" })] })).toBe(TICK_MAX_MS);
  });

  test("by a heartbeat's time, or a new offer, where a queued job has no deadline", () => {
    const { queueDeadlineMs: _none, ...endless } = jobOf();
    expect(wakeIn({ jobs: [endless as JobItem] })).toBe(Math.min(HEARTBEAT_MS, REOFFER_AGES_MS[0] ?? 0) + 1);
    const { queuedAtMs: _never, ...unqueued } = jobOf({ createdAtMs: NOW_MS - 10_000 });
    expect(wakeIn({ jobs: [unqueued as JobItem] })).toBe((REOFFER_AGES_MS[0] ?? 0) - 10_000 + 1);
  });
});
