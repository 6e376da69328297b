import { expect, test } from "vitest";
import { type Interruption, makeInterruptions } from "../../../runner/interruptions.ts";
import { graceMs } from "../../../runner/stop-grace.ts";

const clock = { nowMs: () => 0, monotonicMs: () => 1_000 };

test("a timeout ends the steps and lets the uploads go on; anything else ends both", () => {
  const timeout = makeInterruptions();
  timeout.raise({ kind: "job_timeout" });
  expect([timeout.steps.aborted, timeout.uploads.aborted]).toEqual([true, false]);
  timeout.raise({ kind: "stop", reason: "cancel", byMs: 0 });
  expect([timeout.current()?.kind, timeout.uploads.aborted]).toEqual(["stop", true]);
});

test("what is weaker, or comes a second time, changes nothing", () => {
  const one = makeInterruptions();
  one.raise({ kind: "stop", reason: "cancel", byMs: 1 });
  one.raise({ kind: "stop", reason: "timeout", byMs: 2 });
  one.raise({ kind: "drain", graceMs: 0 });
  expect(one.current()).toEqual({ kind: "stop", reason: "cancel", byMs: 1 });
  one.raise({ kind: "stale" });
  expect(one.current()).toEqual({ kind: "stale" });
});

test.each<[Interruption | undefined, number]>([
  [undefined, 1_000],
  [{ kind: "job_timeout" }, 10_000],
  [{ kind: "drain", graceMs: 7 }, 7],
  [{ kind: "stop", reason: "cancel", byMs: 31_000 }, 10_000],
  [{ kind: "stop", reason: "cancel", byMs: 5_000 }, 2_000],
  [{ kind: "stop", reason: "cancel", byMs: 0 }, 0],
  [{ kind: "stale" }, 0],
  [{ kind: "fenced" }, 0],
])("the grace time after %j is %i ms", (interruption, expected) => {
  expect(graceMs({ kind: "interrupted" }, interruption, clock)).toBe(expected);
});

test("a step over its timeout gets the whole grace time", () => {
  const failure = { class: "user" as const, message: "slow" };
  expect(graceMs({ kind: "failed", failure, alive: true }, undefined, clock)).toBe(10_000);
});
