import fc from "fast-check";
import { expect, test } from "vitest";
import {
  allOf,
  decide,
  NEED_OUTCOMES,
  type Predicate,
  predicateSchema,
  sourcesOf,
} from "../../../shared/domain/predicate.ts";

const need = (name: string): Predicate => ({ need: name });
const atLeast = (threshold: number, ...of: Predicate[]): Predicate => ({ atLeast: threshold, of });

test("all: one bad outcome decides against, all good ones decide for", () => {
  const all = allOf(["a", "b"]);
  expect(decide(all, {})).toBe("undecided");
  expect(decide(all, { a: "passed" })).toBe("undecided");
  expect(decide(all, { a: "passed", b: "passed" })).toBe("met");
  expect(decide(all, { b: "failed" })).toBe("unmet");
});

test.each(["failed", "lost", "canceled", "skipped"])("a need that is %s is not met", (outcome) => {
  expect(decide(need("a"), { a: outcome })).toBe("unmet");
});

test("any: the first good outcome decides for, only the last bad one against", () => {
  const any = atLeast(1, need("a"), need("b"));
  expect(decide(any, { a: "failed" })).toBe("undecided");
  expect(decide(any, { a: "failed", b: "passed" })).toBe("met");
  expect(decide(any, { a: "passed" })).toBe("met");
  expect(decide(any, { a: "failed", b: "lost" })).toBe("unmet");
});

test("two of three is decided as soon as it can be", () => {
  const two = atLeast(2, need("a"), need("b"), need("c"));
  expect(decide(two, { a: "failed" })).toBe("undecided");
  expect(decide(two, { a: "failed", c: "failed" })).toBe("unmet");
  expect(decide(two, { a: "passed", c: "passed" })).toBe("met");
  expect(decide(two, { a: "failed", b: "passed" })).toBe("undecided");
});

test("groups nest", () => {
  const nested = atLeast(2, need("a"), atLeast(1, need("b"), need("c")));
  expect(decide(nested, { a: "passed", c: "passed" })).toBe("met");
  expect(decide(nested, { a: "passed", c: "failed" })).toBe("undecided");
  expect(decide(nested, { c: "failed", b: "failed" })).toBe("unmet");
});

test("a threshold above the number of members can never be met", () => {
  expect(decide(atLeast(3, need("a"), need("b")), {})).toBe("unmet");
});

test("a job called like something that every object inherits is not taken for resolved", () => {
  for (const name of ["constructor", "toString", "valueOf", "hasOwnProperty"])
    expect(decide(allOf([name]), {})).toBe("undecided");
});

test("the sources of a predicate are named once each", () => {
  const twice = atLeast(1, need("a"), atLeast(2, need("b"), need("a"), need("c")));
  expect(sourcesOf(twice)).toEqual(["a", "b", "c"]);
});

const NAMES = ["a", "b", "c", "d", "e"];
const { predicate } = fc.letrec<{ predicate: Predicate; group: Predicate }>((tie) => ({
  predicate: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...NAMES).map((name) => need(name)),
    tie("group"),
  ),
  group: fc.record({
    atLeast: fc.integer({ min: 1, max: 4 }),
    of: fc.array(tie("predicate"), { minLength: 1, maxLength: 4 }),
  }),
}));
const outcomes = fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom(...NEED_OUTCOMES), { noNullPrototype: true });

test("once decided, more outcomes never change the decision", () => {
  fc.assert(
    fc.property(predicate, outcomes, outcomes, (wanted, later, first) => {
      const decision = decide(wanted, first);
      fc.pre(decision !== "undecided");
      expect(decide(wanted, { ...later, ...first })).toBe(decision);
    }),
    { numRuns: 2_000 },
  );
});

test("outcomes of every source leave nothing undecided", () => {
  fc.assert(
    fc.property(predicate, fc.constantFrom(...NEED_OUTCOMES), outcomes, (wanted, rest, some) => {
      const full = Object.fromEntries(sourcesOf(wanted).map((name) => [name, some[name] ?? rest]));
      expect(decide(wanted, full)).not.toBe("undecided");
    }),
    { numRuns: 2_000 },
  );
});

test("outcomes of others never matter", () => {
  fc.assert(
    fc.property(predicate, outcomes, (wanted, known) => {
      expect(decide(wanted, { ...known, stranger: "failed" })).toBe(decide(wanted, known));
    }),
  );
});

test("every generated predicate survives being stored", () => {
  fc.assert(
    fc.property(predicate, (wanted) => {
      expect(predicateSchema.parse(structuredClone(wanted))).toEqual(wanted);
    }),
  );
});
