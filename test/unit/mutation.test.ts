import { globSync } from "node:fs";
import path from "node:path";
import type { Mutant } from "@stryker-mutator/api/core";
import { expect, test } from "vitest";
import { ROOMS } from "../mutation/rooms.ts";
import { drawSample } from "../mutation/sample.ts";
import { intervalOf, percentOf } from "../mutation/score.ts";

const root = path.resolve(import.meta.dirname, "../..");

/** `a/{b,c}.ts` is `a/b.ts` and `a/c.ts`. */
const eachOf = (glob: string): string[] => {
  const [whole, names] = /\{([^}]*)\}/.exec(glob) ?? [];
  return whole === undefined ? [glob] : (names ?? "").split(",").flatMap((name) => eachOf(glob.replace(whole, name)));
};

test.each(ROOMS)("the files and tests of the room $name are there", ({ mutate, tests }) => {
  const missing = [...mutate, ...tests].flatMap(eachOf).filter((glob) => globSync(glob, { cwd: root }).length === 0);
  expect(missing).toEqual([]);
});

const faults: Mutant[] = Array.from({ length: 20 }, (_, id) => ({
  id: String(id),
  fileName: path.join(root, "shared/a.ts"),
  location: { start: { line: id, column: 0 }, end: { line: id, column: 1 } },
  mutatorName: "BooleanLiteral",
  replacement: "true",
}));

test("a seed draws the same faults again, also where others are there beside them", () => {
  const drawn = drawSample(faults, { size: 5, seed: 7 });
  expect(new Set(drawn).size).toBe(5);
  expect(drawSample(faults.toReversed(), { size: 5, seed: 7 })).toEqual(drawn);
  const fewer = faults.filter((fault) => fault !== drawn[0]);
  expect(drawSample(fewer, { size: 4, seed: 7 })).toEqual(drawn.slice(1));
  expect(drawSample(faults, { size: 50, seed: 7 })).toHaveLength(20);
});

test("each fault has the same chance over many seeds", () => {
  const times = new Map(faults.map((fault) => [fault, 0]));
  for (let seed = 0; seed < 400; seed += 1)
    for (const fault of drawSample(faults, { size: 5, seed })) times.set(fault, (times.get(fault) ?? 0) + 1);
  // 100 are to be expected of each; 60 and 140 are more than four deviations away.
  for (const count of times.values()) expect(Math.abs(count - 100)).toBeLessThan(40);
});

test("a score has the interval that Wilson gives", () => {
  expect(percentOf({ planted: 200, caught: 174 })).toBe("87.0 %");
  expect(intervalOf({ planted: 200, caught: 174 })).toBe("81.6–91.0 %");
  expect(intervalOf({ planted: 10, caught: 10 })).toBe("72.2–100.0 %");
  expect(intervalOf({ planted: 0, caught: 0 })).toBe("0–100 %");
});
