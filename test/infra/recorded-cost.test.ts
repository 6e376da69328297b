import { expect, test } from "vitest";
import { readResult } from "../../docs/read-results.ts";
import { idleLines } from "../bench/cost.ts";

const CENTS_APART = 2;

test("the idle bill that docs/DEPLOY.md shows is that of today's stacks: otherwise npm run record -- cost", () => {
  const recorded = readResult("cost")?.result.idle ?? [];
  const today = idleLines();
  expect(recorded.map(({ what }) => what)).toEqual(today.map(({ what }) => what));
  for (const [at, { what, listed, billed }] of today.entries()) {
    expect(recorded[at]?.listed, what).toBeCloseTo(listed, CENTS_APART);
    expect(recorded[at]?.billed, what).toBeCloseTo(billed, CENTS_APART);
  }
});
