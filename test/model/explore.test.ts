import { expect, test } from "vitest";
import { checkMoves } from "../../shared/domain/check-moves.ts";
import { jobMoves } from "../../shared/domain/job-moves.ts";
import { runMoves } from "../../shared/domain/run-moves.ts";
import { type Explored, explore } from "./explore.ts";
import { EQUIVALENTS, MUTANTS } from "./mutants.ts";
import { REAL_RULES } from "./rules.ts";
import { broughtDown, outlived } from "./run-mutants.ts";
import { storyOf } from "./story.ts";
import { REAL_TABLES } from "./tables.ts";
import { WORLDS } from "./worlds/all.ts";
import { quicken } from "./worlds/quicken.ts";

const explored = new Map<string, Explored>();

test.each(WORLDS.map((world) => [world.name, quicken(world)] as const))("%s: every invariant holds", (name, world) => {
  const seen = explore({ world, tables: REAL_TABLES, rules: REAL_RULES });
  explored.set(name, seen);
  expect(seen.broken === undefined ? "holds" : storyOf(seen.broken)).toBe("holds");
  expect(seen.states).toBeGreaterThan(100);
});

/** Moves of features that these worlds do not have, each proven by the tests of its row alone. */
const UNUSED = [
  "job.hold",
  "job.watch",
  "job.stoppedSupersede",
  "job.expireSupersede",
  "run.commitPlan",
  "run.failPlan",
  "run.keepPlace",
  "run.supersede",
  "check.plan",
  "check.await",
];

test("every row that these features use is taken somewhere", () => {
  const taken = new Set([...explored.values()].flatMap(({ applied }) => [...applied]));
  const rows = [jobMoves, runMoves, checkMoves]
    .flatMap((moves) => Object.values(moves))
    .filter(({ from }) => from !== "none")
    .map(({ on, name }) => `${on}.${name}`);
  expect(rows.filter((row) => !taken.has(row)).toSorted()).toEqual(UNUSED.toSorted());
});

test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))("caught: %s", (_name, mutant) => {
  const broken = broughtDown(mutant);
  expect(broken === undefined ? undefined : broken.invariant, broken?.message).toBe(mutant.caughtBy.invariant);
});

test.each(EQUIVALENTS.map((one) => [one.name, one] as const))("changes nothing: %s", (_name, equivalent) => {
  expect(outlived(equivalent)).toBeUndefined();
});

test("a violation is told as a story, step by step, with the table after each", () => {
  const mutant = MUTANTS.find(({ name }) => name === "a claim is accepted at any fence");
  const broken = mutant === undefined ? undefined : broughtDown(mutant);
  const story = broken === undefined ? "" : storyOf(broken);
  expect(story).toContain("1. r1's claim of a at fence 0 is granted fence 1\n      run live | a leased, fence 1");
  expect(story).toContain("Invariant 4 does not hold.");
});

test("a job that is free before its commit is approved is told as such", () => {
  const mutant = MUTANTS.find(({ name }) => name === "reconcile admits without looking at the approval");
  const broken = mutant === undefined ? undefined : broughtDown(mutant);
  const story = broken === undefined ? "" : storyOf(broken);
  expect(story).toContain("1. a reconcile admits a\n      run live, waits for approval");
  expect(story).toContain("Then: job a is queued at fence 0, and nobody has approved the commit of its run.");
});
