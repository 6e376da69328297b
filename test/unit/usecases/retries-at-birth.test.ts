import { expect, test } from "vitest";
import type { JobItem } from "../../../shared/store/items.ts";
import { retriesAtBirth } from "../../../shared/usecases/retries-at-birth.ts";

type Outcome = "succeeded" | "failed" | "timed_out" | "lost";

function attempts(...outcomes: readonly (Outcome | undefined)[]): JobItem["attempts"] {
  const granted = { claimId: "c", runnerId: "r", runnerName: "r", grantedAtMs: 1 };
  const entries = outcomes.map((outcome, at) => [
    String(at + 1),
    outcome === undefined ? granted : { ...granted, end: { outcome, atMs: 2 } },
  ]);
  return Object.fromEntries(entries);
}

test("what ended attempts have taken is given back, apart from the one that ended the job", () => {
  const job = {
    state: "failed",
    left: { failed: 0, lost: 1 },
    attempts: attempts("failed", "lost", "failed"),
  } as const;
  expect(retriesAtBirth(job)).toEqual({ failed: 1, lost: 2 });
});

test("a job that was canceled or abandoned in the queue gives all of its attempts back", () => {
  const left = { failed: 1, lost: 2 };
  for (const state of ["canceled", "lost"] as const) {
    const job = { state, reason: "nobody came", left, attempts: attempts("lost") };
    expect(retriesAtBirth(job)).toEqual({ failed: 1, lost: 3 });
  }
});

test("a job that was still queued or running when its run closed gives its ended attempts back", () => {
  const left = { failed: 0, lost: 0 };
  expect(retriesAtBirth({ state: "queued", left, attempts: attempts("timed_out") })).toEqual({ failed: 1, lost: 0 });
  expect(retriesAtBirth({ state: "running", left, attempts: attempts("lost", undefined) })).toEqual({
    failed: 0,
    lost: 1,
  });
});

test("a job that a rerun took over has its whole budget, whatever its attempts in the other run took", () => {
  const job = {
    state: "succeeded",
    inheritedFrom: "run_1",
    left: { failed: 1, lost: 3 },
    attempts: attempts("failed", "succeeded"),
  } as const;
  expect(retriesAtBirth(job)).toEqual({ failed: 1, lost: 3 });
});
