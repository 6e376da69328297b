import fc from "fast-check";
import { expect, test } from "vitest";
import { leaseDeadline } from "../../../runner/lease-deadline.ts";

const far = Number.MAX_SAFE_INTEGER;

test("the steps must be gone ten seconds before a lease of 45 s ends, counted from when the renewal was sent", () => {
  expect(leaseDeadline({ sentAtMs: 1_000, ttlMs: 45_000, hardDeadlineAtMs: far })).toEqual({
    killAtMs: 36_000,
    expiresAtMs: 46_000,
  });
});

test("a short lease keeps three quarters for the work", () => {
  expect(leaseDeadline({ sentAtMs: 0, ttlMs: 2_000, hardDeadlineAtMs: far }).killAtMs).toBe(1_500);
});

test("no renewal reaches past the hard deadline, and killing always begins before the end", () => {
  const ms = fc.integer({ min: 0, max: 10 ** 9 });
  fc.assert(
    fc.property(ms, ms, ms, (sentAtMs, ttlMs, hardDeadlineAtMs) => {
      const { killAtMs, expiresAtMs } = leaseDeadline({ sentAtMs, ttlMs, hardDeadlineAtMs });
      return expiresAtMs <= hardDeadlineAtMs && expiresAtMs <= sentAtMs + ttlMs && killAtMs <= expiresAtMs;
    }),
  );
});

test("a later renewal of the same lease never brings the deadline forward", () => {
  const ms = fc.integer({ min: 0, max: 10 ** 9 });
  fc.assert(
    fc.property(ms, ms, fc.integer({ min: 1, max: 100_000 }), (sentAtMs, laterMs, ttlMs) => {
      const first = leaseDeadline({ sentAtMs, ttlMs, hardDeadlineAtMs: far });
      const second = leaseDeadline({ sentAtMs: sentAtMs + laterMs, ttlMs, hardDeadlineAtMs: far });
      return second.killAtMs >= first.killAtMs;
    }),
  );
});
