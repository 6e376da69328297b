import { expect, test } from "vitest";
import { backoffAfter, makeClaimBackoff } from "../../../runner/claim-backoff.ts";
import type { RunnerEvent } from "../../../runner/events.ts";

const going = new AbortController().signal;

function backingOff() {
  const clock = { at: 0, nowMs: () => clock.at, monotonicMs: () => clock.at };
  const events: RunnerEvent[] = [];
  return { clock, events, backoff: makeClaimBackoff({ clock, emit: (event) => void events.push(event) }) };
}

test("the pause doubles from 5 s to 5 minutes, and is half to all of that", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 50].map((failures) => backoffAfter(failures, 0) / 1_000)).toEqual([
    5, 10, 20, 40, 80, 160, 300, 300, 300,
  ]);
  expect(backoffAfter(3, 1)).toBe(10_000);
});

test("a host that broke an attempt claims nothing for a while, and says so once for all its slots", async () => {
  const { clock, events, backoff } = backingOff();
  expect(backoff.isOn()).toBe(false);
  backoff.ended("broken");
  backoff.ended("broken");
  expect(backoff.isOn()).toBe(true);
  expect(events).toEqual([{ type: "backing_off", failures: 1, ms: expect.any(Number) }]);
  clock.at = 5_001;
  expect(backoff.isOn()).toBe(false);
  await backoff.over(going);
});

test("the pause grows while attempts break, whatever else ends, and starts anew once one worked", () => {
  const { clock, events, backoff } = backingOff();
  for (const end of ["broken", "released", "broken", "stale", "broken", "failed", "broken"] as const) {
    backoff.ended(end);
    clock.at += 300_000;
  }
  expect(events.map((event) => (event.type === "backing_off" ? event.failures : undefined))).toEqual([1, 2, 3, 1]);
});

test("a runner that is going does not wait for the end of its pause", async () => {
  const { backoff } = backingOff();
  backoff.ended("broken");
  const stopping = new AbortController();
  const waiting = backoff.over(stopping.signal);
  stopping.abort();
  await waiting;
  expect(backoff.isOn()).toBe(true);
});
