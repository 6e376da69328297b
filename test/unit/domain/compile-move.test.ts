import { describe, expect, test } from "vitest";
import { checkMoves, joinMoves } from "../../../shared/domain/check-moves.ts";
import { jobMoves } from "../../../shared/domain/job-moves.ts";
import { arg, contains, type Move, removeFromSet } from "../../../shared/domain/move.ts";
import { runMoves } from "../../../shared/domain/run-moves.ts";
import { compileMove } from "../../../shared/store/compile-move.ts";
import { checkArgs, jobArgs, runArgs } from "../../support/items.ts";

const ALL: readonly (readonly [string, Move])[] = [jobMoves, runMoves, checkMoves, joinMoves]
  .flatMap((moves): Move[] => Object.values(moves))
  .filter((move) => move.from !== "none")
  .map((move) => [`${move.on}.${move.name}`, move]);
const ARGS = { ...jobArgs(), ...runArgs(), ...checkArgs() };
const EXPRESSION = /^[A-Za-z_#:0-9 ,.()=<>+]*$/;

describe.each(ALL)("%s", (_name, move) => {
  const compiled = compileMove(move, ARGS);
  const text = `${compiled.ConditionExpression} ${compiled.UpdateExpression}`;

  test("names every value beside the expression, never inside it", () => {
    expect(text).toMatch(EXPRESSION);
    const words = text.replaceAll(/[#:][nv]\d+/g, "").match(/[A-Za-z_]+|\d+/g) ?? [];
    const grammar = [
      "IN",
      "AND",
      "SET",
      "ADD",
      "DELETE",
      "REMOVE",
      "attribute_not_exists",
      "contains",
      "if_not_exists",
    ];
    expect(words.filter((word) => !grammar.includes(word))).toEqual([]);
  });

  test("passes exactly the names and values that the expression uses", () => {
    const used = (mark: string) => [...new Set(text.match(new RegExp(`${mark}\\d+`, "g")) ?? [])].toSorted();
    expect(used("#n")).toEqual(Object.keys(compiled.ExpressionAttributeNames).toSorted());
    expect(used(":v")).toEqual(Object.keys(compiled.ExpressionAttributeValues).toSorted());
  });

  test("guards the state and changes something", () => {
    const stateAlias = Object.entries(compiled.ExpressionAttributeNames).find(([, name]) => name === "state")?.[0];
    expect(compiled.ConditionExpression.startsWith(`${stateAlias} IN (`)).toBe(true);
    expect(compiled.UpdateExpression).not.toBe("");
  });

  test("needs each of its arguments", () => {
    const operands = [...move.guards, ...move.effects].flatMap((part) =>
      "value" in part && typeof part.value === "object" ? [part.value.arg] : [],
    );
    for (const name of operands) {
      const { [name]: _gone, ...rest } = ARGS as Record<string, unknown>;
      expect(() => compileMove(move, rest), name).toThrow(name);
    }
  });
});

test("a hostile argument stays a value", () => {
  const source = "a = :v0 OR attribute_exists(pk) #n0";
  const { ConditionExpression, UpdateExpression, ExpressionAttributeNames } = compileMove(jobMoves.resolve, {
    ...jobArgs({ source }),
  });
  expect(`${ConditionExpression}${UpdateExpression}`).not.toContain("OR");
  expect(Object.values(ExpressionAttributeNames)).toContain(source);
});

test("an argument with dots names one entry, not a path", () => {
  const { ExpressionAttributeNames } = compileMove(checkMoves.answer, checkArgs({ source: "a.b" }));
  expect(Object.values(ExpressionAttributeNames)).toContain("a.b");
});

test("a member of a set leaves no unused value behind", () => {
  const move: Move = {
    name: "drop",
    on: "run",
    doc: "",
    from: ["live"],
    to: "unchanged",
    guards: [contains("open", arg("node"))],
    effects: [removeFromSet("open", arg("node")), removeFromSet("closed", arg("node"))],
    recorded: false,
  };
  const { ConditionExpression, UpdateExpression, ExpressionAttributeValues } = compileMove(move, { node: "JOB#a" });
  const sets = Object.values(ExpressionAttributeValues).filter((value) => value instanceof Set);
  expect(sets).toEqual([new Set(["JOB#a"]), new Set(["JOB#a"])]);
  const sentAliases = Object.keys(ExpressionAttributeValues);
  expect(sentAliases.filter((alias) => !`${ConditionExpression} ${UpdateExpression}`.includes(alias))).toEqual([]);
});

test("a birth is put, not compiled", () => {
  for (const birth of [jobMoves.bearQueued, runMoves.bearLive, checkMoves.bear, joinMoves.bear])
    expect(() => compileMove(birth, {})).toThrow("birth");
});
