import { expect, test } from "vitest";
import { claimIdOf } from "../../../runner/claim.ts";
import { makeKnownFences } from "../../../runner/known-fences.ts";
import { claimId } from "../../../shared/protocol/ids.ts";
import type { Offer } from "../../../shared/protocol/leases.ts";

const offer: Offer = { v: 1, tenant: "main", runId: "run_00000000000000000000000001", jobId: "build", fence: 0 };

test("a claim id is the same for one offer however often it comes, and no other's", () => {
  const ids = [
    claimIdOf("seed", offer),
    claimIdOf("seed", { ...offer, fence: 1 }),
    claimIdOf("seed", { ...offer, jobId: "test" }),
    claimIdOf("another runner", offer),
  ];
  expect(claimIdOf("seed", { ...offer })).toBe(ids[0]);
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(claimId.safeParse(id).success).toBe(true);
});

test("an offer below a granted fence is spent, a later one is not", () => {
  const known = makeKnownFences();
  expect(known.isSpent(offer)).toBe(false);
  known.remember(offer, 1);
  expect(known.isSpent(offer)).toBe(true);
  expect(known.isSpent({ ...offer, fence: 1 })).toBe(false);
  expect(known.isSpent({ ...offer, jobId: "test" })).toBe(false);
});

test("known fences are bounded: the oldest is forgotten first", () => {
  const known = makeKnownFences();
  known.remember(offer, 1);
  for (let job = 0; job < 10_000; job += 1) known.remember({ ...offer, jobId: `job${job}` }, 1);
  expect(known.isSpent(offer)).toBe(false);
  expect(known.isSpent({ ...offer, jobId: "job0" })).toBe(true);
});
