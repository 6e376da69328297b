import { expect, test } from "vitest";
import { printStatus } from "../../../cli/print/status.ts";
import type { Status } from "../../../shared/protocol/status.ts";

const AT_MS = Date.UTC(2026, 10, 21, 12);
const status: Status = {
  atMs: AT_MS,
  pools: [
    { name: "default", offers: 2, queued: 1, leased: 3 },
    { name: "gpu", queued: 0, leased: 0 },
  ],
  runners: [
    {
      name: "host-1\u001b[2J",
      state: "busy",
      processes: 1,
      pools: ["default", "gpu"],
      slots: 4,
      busy: 3,
      lastSeenAtMs: AT_MS - 61_000,
    },
  ],
  runs: { active: 2, pending: 1, executing: 1, finalizing: 0 },
  jobs: { waiting: 5, held: 1, queued: 1, leased: 3 },
  oldestWait: { run: "run_01", job: "build", pool: "default", waitMs: 12_000 },
  sweep: { startedAtMs: AT_MS - 31_000, endedAtMs: AT_MS - 30_000, failedParts: ["projects"] },
  deadLetters: [{ queue: "ticks", messages: 0 }, { queue: "plans" }],
  cost: {
    sinceMs: Date.UTC(2026, 10, 1),
    countedBy: "cloudwatch",
    dollars: 1.234,
    byService: { DynamoDB: 1.23, SQS: 0.004 },
    notCounted: ["storage"],
  },
  cut: ["runs"],
  unknown: [{ what: "the dead letters of plans", why: "AccessDenied" }],
};

test("says what is, what was cut, and what is unknown, in lines that fit no escape", () => {
  expect(
    printStatus(status, false),
  ).toBe(`runs          2 active (of those looked at): 1 pending, 1 executing, 0 finalizing
jobs          3 leased, 1 queued, 1 held, 5 waiting for others (of those looked at)
oldest wait   12s: run_01 build, pool default
last sweep    30s ago; failed: projects
dead letters  ticks 0, plans ?
cost          about $1.23, this month since 2026-11-01 00:00 UTC (DynamoDB $1.23, SQS $0.00400); without storage

POOL     QUEUED  LEASED  OFFERS
default  1       3       2
gpu      0       0       ?

RUNNER  STATE  BUSY  PROCESSES  POOLS         SESSION OPENED
host-1  busy   3/4   1          default, gpu  1m 01s ago

unknown: the dead letters of plans: AccessDenied
`);
});

test("what could not be learnt is a question mark, never 0", () => {
  const { runs, jobs, oldestWait, sweep, cost, ...rest } = status;
  const text = printStatus({ ...rest, pools: [{ name: "default" }], runners: [], cut: [] }, false);
  for (const name of ["runs", "jobs", "oldest wait", "last sweep", "cost"])
    expect(text).toMatch(new RegExp(`^${name} +\\?$`, "m"));
  expect(text).toMatch(/^default +\? +\? +\?$/m);
  expect(text).toContain("no runner has opened a session in the last hour");
});
