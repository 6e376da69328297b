import { expect, test } from "vitest";
import { globCostMistake } from "../../../shared/domain/glob-cost.ts";
import { withHistory } from "../../../shared/domain/history.ts";
import { ENV_NAME_PATTERN, JOB_ID_PATTERN, NAME_PATTERN, RUN_ID_PATTERN } from "../../../shared/domain/id-patterns.ts";
import { jobMoves } from "../../../shared/domain/job-moves.ts";

const run = `run_${"0".repeat(26)}`;
const PATTERNS: readonly (readonly [RegExp, readonly string[], readonly string[]])[] = [
  [
    RUN_ID_PATTERN,
    [run, "run_01hzzabcdefghjkmnpqrstvwxy"],
    [`x${run}`, `${run}0`, run.slice(0, -1), "run_U".padEnd(30, "0")],
  ],
  [
    JOB_ID_PATTERN,
    ["a", "A_b-9", "a".repeat(64)],
    ["", "-a", "_a", ".a", "a.b", "a b", "é", "a".repeat(65), " a", "a\n"],
  ],
  [NAME_PATTERN, ["a", "9.b_c-d", "a".repeat(64)], ["", "-a", ".a", "a/b", "a b", "a".repeat(65), "/a", "a!"]],
  [ENV_NAME_PATTERN, ["A", "_a9", "A".repeat(128)], ["", "9A", "A-B", "A.B", "A".repeat(129), " A", "A="]],
];

test.each(PATTERNS)("%s takes whole names of its form", (pattern, fitting, others) => {
  expect(fitting.filter((name) => !pattern.test(name))).toEqual([]);
  expect(others.filter((name) => pattern.test(name))).toEqual([]);
});

const GLOBS: readonly (readonly [string, string | undefined])[] = [
  ["src/**/*.ts", undefined],
  ["a*b*c*/d*e*f*", undefined],
  ["**/**/**/a", undefined],
  ["a/b/c/d/e", undefined],
  ["a+b", undefined],
  ["a*b*c*d*", "has 4 wildcards in one part of the path; 3 are allowed (WILDCARDS_PER_PART_MAX)"],
  ["x/a*b*c*d*/y", "has 4 wildcards in one part of the path; 3 are allowed (WILDCARDS_PER_PART_MAX)"],
  ["**/**/**/**/a", "has 4 times **; 3 are allowed (WILDCARDS_PER_PART_MAX)"],
  ["+(a|b)", "must not repeat a group with +( or *("],
  ["x*(a)", "must not repeat a group with +( or *("],
];

test.each(GLOBS)("what %s costs to match", (glob, mistake) => {
  expect(globCostMistake(glob)).toBe(mistake);
});

test("a move is filed in the history under the fence that it makes, with who did it", () => {
  const cause = { actor: "somebody", reason: "because" };
  const historyEntry = { atMs: 5, ...cause };
  const filed = (args: Record<string, unknown>) => withHistory(jobMoves.claim, { nowMs: 5, ...args }, cause);
  expect(filed({ fence: 3, nextFence: 4 })).toEqual({
    nowMs: 5,
    fence: 3,
    nextFence: 4,
    historyKey: "4.claim",
    historyEntry,
  });
  expect(filed({ fence: 3 })).toEqual({ nowMs: 5, fence: 3, historyKey: "3.claim", historyEntry });
  expect(filed({})).toEqual({ nowMs: 5, historyKey: "0.claim", historyEntry });
  expect(withHistory(jobMoves.heartbeat, { nowMs: 5 }, cause)).toEqual({ nowMs: 5 });
});
