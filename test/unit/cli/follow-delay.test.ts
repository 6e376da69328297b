import { expect, test } from "vitest";
import { followDelayMs } from "../../../cli/follow/follow-delay.ts";

test("a run of few jobs is looked at ten times a second while it moves, and once a second while it does not", () => {
  const look = { jobs: 2, liveJobs: 1 };
  expect(followDelayMs({ ...look, moved: true, lastMs: 1_000 })).toBeLessThanOrEqual(120);
  let lastMs = 100;
  for (let times = 0; times < 20; times += 1) lastMs = followDelayMs({ ...look, moved: false, lastMs });
  expect(lastMs).toBe(1_000);
});

test("a run of 1,000 jobs is looked at about once a second, since each look reads all of them", () => {
  const look = { jobs: 1_000, liveJobs: 4 };
  for (const moved of [true, false]) expect(followDelayMs({ ...look, moved, lastMs: 100 })).toBeGreaterThan(1_000);
});
