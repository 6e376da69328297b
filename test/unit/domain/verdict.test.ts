import { expect, test } from "vitest";
import { JOB_STATES } from "../../../shared/domain/job-moves.ts";
import { RUN_STATES } from "../../../shared/domain/run-moves.ts";
import {
  checkAnswerOf,
  checkOutcomeOf,
  chooseClose,
  isJobEnded,
  isRunEnded,
  jobTallyOf,
  needOutcomeOf,
  tallyOf,
} from "../../../shared/domain/verdict.ts";

const NOTHING = { failed: 0, lost: 0 };

test.each([
  ["succeeded", false, "passed"],
  ["failed", false, "failed"],
  ["timed_out", false, "failed"],
  ["lost", false, "lost"],
  ["canceled", false, "canceled"],
  ["skipped", false, "skipped"],
  ["succeeded", true, "passed"],
  ["failed", true, "passed"],
  ["timed_out", true, "passed"],
  ["lost", true, "passed"],
  ["canceled", true, "canceled"],
  ["skipped", true, "skipped"],
] as const)("a dependent sees a job that %s (failure allowed: %s) as %s", (state, allowFailure, seen) => {
  expect(needOutcomeOf({ state, allowFailure })).toBe(seen);
});

test.each([
  ["failed", NOTHING, { failed: 1, lost: 0 }],
  ["timed_out", NOTHING, { failed: 1, lost: 0 }],
  ["lost", NOTHING, { failed: 0, lost: 1 }],
  ["succeeded", NOTHING, NOTHING],
  ["skipped", NOTHING, NOTHING],
  ["canceled", NOTHING, NOTHING],
])("a job that %s counts for its own check only", (state, named, own) => {
  expect(jobTallyOf({ state, allowFailure: false, namedChecks: 0 })).toEqual(own);
  expect(jobTallyOf({ state, allowFailure: false, namedChecks: 1 })).toEqual(named);
  expect(jobTallyOf({ state, allowFailure: true, namedChecks: 0 })).toEqual(NOTHING);
});

test("an explicit report answers a check, whatever became of the job", () => {
  for (const need of ["passed", "failed", "lost", "canceled", "skipped"] as const) {
    expect(checkAnswerOf(need, "passed")).toBe("passed");
    expect(checkAnswerOf(need, "failed")).toBe("failed");
  }
});

test.each([
  ["passed", "passed"],
  ["failed", "failed"],
  ["lost", "errored"],
  ["canceled", "errored"],
  ["skipped", "errored"],
] as const)("a contributor that %s without a report answers %s", (need, answer) => {
  expect(checkAnswerOf(need, undefined)).toBe(answer);
});

test("a failure decides a check, before what nobody could answer", () => {
  expect(checkOutcomeOf({ failed: 1, lost: 3 })).toBe("failed");
  expect(checkOutcomeOf({ failed: 0, lost: 1 })).toBe("errored");
  expect(checkOutcomeOf(NOTHING)).toBe("passed");
});

test("a node counts at most once", () => {
  expect(tallyOf("passed")).toEqual(NOTHING);
  expect(tallyOf("failed")).toEqual({ failed: 1, lost: 0 });
  expect(tallyOf("errored")).toEqual({ failed: 0, lost: 1 });
});

test("a live run closes by its tally: failed beats errored beats succeeded", () => {
  const close = (tally: typeof NOTHING) => chooseClose({ state: "live", tally })?.to;
  expect(close({ failed: 1, lost: 1 })).toBe("failed");
  expect(close({ failed: 0, lost: 1 })).toBe("errored");
  expect(close(NOTHING)).toBe("succeeded");
});

test("a canceling run closes as canceled, whatever its tally", () => {
  expect(chooseClose({ state: "canceling", tally: { failed: 2, lost: 1 } })?.to).toBe("canceled");
});

test("a run with open nodes, in planning or ended does not close", () => {
  const open = new Set(["JOB#a"]);
  for (const state of RUN_STATES) expect(chooseClose({ state, open, tally: NOTHING })).toBeUndefined();
  for (const state of ["planning", ...RUN_STATES.filter(isRunEnded)])
    expect(chooseClose({ state, tally: NOTHING })).toBeUndefined();
});

test("ended states are those of the design", () => {
  const ends = ["succeeded", "failed", "timed_out", "canceled", "skipped", "lost"];
  expect(JOB_STATES.filter(isJobEnded).toSorted()).toEqual(ends.toSorted());
  const runEnds = ["succeeded", "failed", "errored", "timed_out", "canceled", "plan_failed"];
  expect(RUN_STATES.filter(isRunEnded).toSorted()).toEqual(runEnds.toSorted());
});
