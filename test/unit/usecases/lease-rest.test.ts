import { expect, test } from "vitest";
import { LEASE_TTL_MS } from "../../../shared/domain/limits.ts";
import { leaseRestMs } from "../../../shared/usecases/renew-lease.ts";

const NOW_MS = 1_000_000;

test("a lease is answered with what is left of it, and an expired one with nothing", () => {
  expect(leaseRestMs({ expiresAtMs: NOW_MS + 1_234 }, NOW_MS)).toBe(1_234);
  expect(leaseRestMs({ expiresAtMs: NOW_MS - 1 }, NOW_MS)).toBe(0);
});

test("a handler that dawdled while the lease was renewed tells of one whole lease at most", () => {
  expect(leaseRestMs({ expiresAtMs: NOW_MS + 2 * LEASE_TTL_MS }, NOW_MS)).toBe(LEASE_TTL_MS);
});
