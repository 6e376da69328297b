import { describe, expect, test } from "vitest";
import { interpretMove } from "../../../shared/domain/interpret-move.ts";
import type { Args, Item } from "../../../shared/domain/item.ts";
import {
  absent,
  add,
  addToSet,
  after,
  arg,
  before,
  contains,
  type Effect,
  equals,
  type Guard,
  lessThanAttribute,
  type Move,
  put,
  remove,
  removeFromSet,
  set,
} from "../../../shared/domain/move.ts";

/** One word of the language each; that the engine takes it as this does is the differential test's. */

const moveOf = (parts: Partial<Move>): Move => ({
  name: "go",
  on: "job",
  doc: "",
  from: ["waiting"],
  to: "unchanged",
  guards: [],
  effects: [],
  recorded: false,
  ...parts,
});
const itemOf = (attributes: Item): Item => ({ state: "waiting", ...attributes });

const GUARDS: readonly (readonly [string, Guard, Item, boolean])[] = [
  ["absent, and it is", absent("a"), {}, true],
  ["absent, and it is there", absent("a"), { a: 0 }, false],
  ["absent below what is no map", absent("a.b"), { a: "text" }, true],
  ["absent below a list", absent("a.0"), { a: ["x"] }, true],
  ["absent below null", absent("a.b"), { a: null }, true],
  ["absent, though every object inherits it", absent("a.constructor"), { a: {} }, true],
  ["equal", equals("a", 1), { a: 1 }, true],
  ["equal below a map", equals("a.b", "x"), { a: { b: "x" } }, true],
  ["another value", equals("a", 1), { a: 2 }, false],
  ["another type", equals("a", 1), { a: "1" }, false],
  ["equal to what is not there", equals("a", arg("x")), {}, false],
  ["before", before("a", 2), { a: 1 }, true],
  ["not before the same", before("a", 2), { a: 2 }, false],
  ["not before what is less", before("a", 2), { a: 3 }, false],
  ["not before, as a text", before("a", 2), { a: "1" }, false],
  ["not before, where it is not there", before("a", 2), {}, false],
  ["after", after("a", 2), { a: 3 }, true],
  ["not after the same", after("a", 2), { a: 2 }, false],
  ["not after what is more", after("a", 2), { a: 1 }, false],
  ["not after, as a text", after("a", 2), { a: "3" }, false],
  ["not after, where it is not there", after("a", 2), {}, false],
  ["less than another attribute", lessThanAttribute("a", "b"), { a: 1, b: 2 }, true],
  ["not less than the same", lessThanAttribute("a", "b"), { a: 2, b: 2 }, false],
  ["not less than what is less", lessThanAttribute("a", "b"), { a: 3, b: 2 }, false],
  ["not less than a text", lessThanAttribute("a", "b"), { a: 1, b: "2" }, false],
  ["not less than what is not there", lessThanAttribute("a", "b"), { a: 1 }, false],
  ["not less where neither is there", lessThanAttribute("a", "b"), {}, false],
  ["a member of a set", contains("a", "x"), { a: new Set(["x", "y"]) }, true],
  ["no member of a set", contains("a", "z"), { a: new Set(["x", "y"]) }, false],
  ["a member of a list", contains("a", "x"), { a: ["x"] }, true],
  ["no member of a list", contains("a", "z"), { a: ["x"] }, false],
  ["a part of a text", contains("a", "b"), { a: "abc" }, true],
  ["no part of a text", contains("a", "z"), { a: "abc" }, false],
  ["a number is no part of a text", contains("a", 1), { a: "1" }, false],
  ["a number holds nothing", contains("a", "1"), { a: 1 }, false],
  ["what is not there holds nothing", contains("a", "x"), {}, false],
];

describe("a guard", () => {
  test.each(GUARDS)("%s", (_title, guard, attributes, isHeld) => {
    const after = interpretMove(moveOf({ guards: [guard] }), itemOf(attributes), { x: "undefined" });
    expect(after).toEqual(isHeld ? itemOf(attributes) : undefined);
  });

  test("of several, each must hold", () => {
    const guards = [equals("a", 1), equals("b", 1)];
    const isLegal = (a: number, b: number) => interpretMove(moveOf({ guards }), itemOf({ a, b }), {}) !== undefined;
    expect([isLegal(1, 1), isLegal(1, 2), isLegal(2, 1)]).toEqual([true, false, false]);
  });

  test("needs its argument, also one that is named in its path", () => {
    for (const guard of [equals("a", arg("x")), absent("a.$x")])
      expect(() => interpretMove(moveOf({ guards: [guard] }), itemOf({ a: {} }), {})).toThrow('argument "x"');
  });
});

const EFFECTS: readonly (readonly [string, Effect, Item, Item])[] = [
  ["set writes", set("a", 1), {}, { a: 1 }],
  ["set writes over", set("a.b", arg("x")), { a: { b: 1, c: 2 } }, { a: { b: "X", c: 2 } }],
  ["put makes an entry", put("a.$x", true), { a: { b: 1 } }, { a: { b: 1, X: true } }],
  ["add counts from 0", add("a", 2), {}, { a: 2 }],
  ["add adds", add("a.b", -1), { a: { b: 3 } }, { a: { b: 2 } }],
  ["addToSet makes a set", addToSet("a", "x"), {}, { a: new Set(["x"]) }],
  ["addToSet adds", addToSet("a", "x"), { a: new Set(["y"]) }, { a: new Set(["y", "x"]) }],
  ["removeFromSet takes out", removeFromSet("a", "x"), { a: new Set(["y", "x"]) }, { a: new Set(["y"]) }],
  ["removeFromSet of the last removes", removeFromSet("a", "x"), { a: new Set(["x"]) }, {}],
  ["removeFromSet of nothing", removeFromSet("a", "x"), {}, {}],
  ["remove removes", remove("a"), { a: 1, b: 2 }, { b: 2 }],
  ["remove removes an entry", remove("a.b"), { a: { b: 1, c: 2 } }, { a: { c: 2 } }],
  ["remove of nothing", remove("a"), { b: 2 }, { b: 2 }],
];

describe("an effect", () => {
  test.each(EFFECTS)("%s", (_title, effect, attributes, expected) => {
    const found = itemOf(attributes);
    const was = structuredClone(found);
    expect(interpretMove(moveOf({ effects: [effect] }), found, { x: "X" })).toStrictEqual(itemOf(expected));
    expect(found).toStrictEqual(was);
  });

  test("reads what was there before the move, like DynamoDB", () => {
    const effects = [set("a", 10), add("a", 1)];
    expect(interpretMove(moveOf({ effects }), itemOf({ a: 1 }), {})).toMatchObject({ a: 2 });
  });

  const REFUSED: readonly (readonly [string, Effect, Item, RegExp])[] = [
    ["below a map that is not there", put("a.b", 1), {}, /^the item has no map at a$/],
    ["below a deeper one", put("a.b.c", 1), { a: {} }, /^the item has no map at a\.b$/],
    ["below what every object inherits", put("constructor.b", 1), {}, /^the item has no map at constructor$/],
    ["below a list", put("a.b", 1), { a: [] }, /no map at a/],
    ["below a set", put("a.b", 1), { a: new Set(["b"]) }, /no map at a/],
    ["below null", put("a.b", 1), { a: null }, /no map at a/],
    ["that adds to a text", add("a", 1), { a: "1" }, /^only a number can be added to$/],
    ["that adds a member to a list", addToSet("a", "x"), { a: ["y"] }, /^only a set has members$/],
    ["that takes a member of a text", removeFromSet("a", "x"), { a: "x" }, /^only a set has members$/],
  ];
  test.each(REFUSED)("%s is refused", (_title, effect, attributes, words) => {
    expect(() => interpretMove(moveOf({ effects: [effect] }), itemOf(attributes), {})).toThrow(words);
  });
});

describe("a move", () => {
  const history: Args = { historyKey: "3.go", historyEntry: { atMs: 1 } };

  test("changes the state, where it says so, and is recorded where it says so", () => {
    const item = itemOf({ history: { "2.come": {} } });
    expect(interpretMove(moveOf({ to: "held" }), item, history)).toEqual({ ...item, state: "held" });
    expect(interpretMove(moveOf({ recorded: true }), item, history)).toEqual({
      ...item,
      history: { "2.come": {}, "3.go": { atMs: 1 } },
    });
  });

  test("is made in its states only, of an item that is there, and is no birth", () => {
    expect(interpretMove(moveOf({}), { state: "held" }, {})).toBeUndefined();
    expect(interpretMove(moveOf({}), {}, {})).toBeUndefined();
    expect(interpretMove(moveOf({ from: ["undefined"] }), undefined, {})).toBeUndefined();
    expect(interpretMove(moveOf({ from: "none" }), { state: "none" }, {})).toBeUndefined();
  });
});
