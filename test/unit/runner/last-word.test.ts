import { expect, test } from "vitest";
import { fitted } from "../../../runner/last-word.ts";
import { judge } from "../../../runner/run-steps.ts";
import { type Completion, completeBody } from "../../../shared/protocol/products.ts";

const LOG = { bytes: 0, lostBytes: 0, chunkCount: 0, index: { kind: "inline" as const, chunks: [], gaps: [] } };
const STEP = { run: "false", env: {} };

function wordOf(losses: readonly string[]): Completion {
  return { outcome: "failed", exitCode: 1, log: LOG, artifacts: [], losses: [...losses], checks: [] };
}

test("a last word with more losses than the protocol takes says as many as fit", () => {
  for (const loss of ["short", "x".repeat(2_000), "€".repeat(500), "😀".repeat(400)]) {
    const said = fitted(wordOf(Array.from({ length: 40 }, () => loss)));
    expect(completeBody.safeParse(said).success, loss).toBe(true);
    expect(said.losses.length).toBeGreaterThan(4);
  }
  expect(fitted(wordOf(["one", "two"])).losses).toEqual(["one", "two"]);
});

test("what is cut from a loss or a failure leaves no half of a character, which no table stores", () => {
  const smile = `x${"😀".repeat(600)}`;
  expect(fitted(wordOf([smile])).losses[0]?.isWellFormed()).toBe(true);
  const work = judge({ kind: "exited", exitCode: 1 }, { ...STEP, name: smile }, undefined);
  if (work.kind !== "failed") throw new Error(work.kind);
  expect([work.failure.message.isWellFormed(), work.failure.step?.isWellFormed()]).toEqual([true, true]);
});
