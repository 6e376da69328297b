/**
 * The vocabulary of the transition table. A move is one row: plain data that is compiled to a DynamoDB condition and
 * update (`shared/store/compile-move.ts`), interpreted (`interpret-move.ts`), explored and printed. Nothing else
 * changes state.
 */

export type Family =
  | "run"
  | "job"
  | "check"
  | "join"
  | "delivery"
  | "ref"
  | "outbox"
  | "status"
  | "heads"
  | "head"
  | "tags"
  | "schedule"
  | "sweep";

/** A value that the caller names when it applies the move. */
export interface Arg {
  readonly arg: string;
}

export type Literal = string | number | boolean;
export type Operand = Arg | Literal;

/**
 * A path into an item, segments joined by dots. A segment `$name` is replaced by the argument `name`, so that an entry
 * of a map can be named by the caller: `resolved.$source`.
 */
export type Path = string;

export type Guard =
  | { readonly kind: "equals"; readonly path: Path; readonly value: Operand }
  | { readonly kind: "absent"; readonly path: Path }
  | { readonly kind: "before"; readonly path: Path; readonly value: Operand }
  | { readonly kind: "after"; readonly path: Path; readonly value: Operand }
  | { readonly kind: "lessThanAttribute"; readonly path: Path; readonly other: Path }
  | { readonly kind: "contains"; readonly path: Path; readonly value: Operand };

export type Effect =
  | { readonly kind: "set"; readonly path: Path; readonly value: Operand }
  | { readonly kind: "add"; readonly path: Path; readonly value: Operand }
  | { readonly kind: "put"; readonly path: Path; readonly value: Operand }
  | { readonly kind: "addToSet"; readonly path: Path; readonly value: Operand }
  | { readonly kind: "removeFromSet"; readonly path: Path; readonly value: Operand }
  | { readonly kind: "remove"; readonly path: Path };

export interface Move {
  readonly name: string;
  readonly on: Family;
  readonly doc: string;
  /** `"none"` is birth: the item must not exist. */
  readonly from: readonly string[] | "none";
  /** `"unchanged"` keeps the state: the move changes attributes only. */
  readonly to: string;
  readonly guards: readonly Guard[];
  readonly effects: readonly Effect[];
  /** Recorded in the item's history under `<fence>.<name>`. */
  readonly recorded: boolean;
}

export const arg = (name: string): Arg => ({ arg: name });
export const equals = (path: Path, value: Operand): Guard => ({ kind: "equals", path, value });
export const absent = (path: Path): Guard => ({ kind: "absent", path });
/** The attribute is strictly less than the value. */
export const before = (path: Path, value: Operand): Guard => ({ kind: "before", path, value });
/** The attribute is strictly greater than the value. */
export const after = (path: Path, value: Operand): Guard => ({ kind: "after", path, value });
/** @public A word of the language that no row needs yet. */
export const lessThanAttribute = (path: Path, other: Path): Guard => ({ kind: "lessThanAttribute", path, other });
export const contains = (path: Path, value: Operand): Guard => ({ kind: "contains", path, value });

export const set = (path: Path, value: Operand): Effect => ({ kind: "set", path, value });
export const add = (path: Path, value: Operand): Effect => ({ kind: "add", path, value });
/** Sets one entry of a map; the map itself was born with the item. */
export const put = (path: Path, value: Operand): Effect => ({ kind: "put", path, value });
/** @public A word of the language that no row needs yet. */
export const addToSet = (path: Path, value: Operand): Effect => ({ kind: "addToSet", path, value });
export const removeFromSet = (path: Path, value: Operand): Effect => ({ kind: "removeFromSet", path, value });
export const remove = (path: Path): Effect => ({ kind: "remove", path });

export const isArg = (operand: Operand): operand is Arg => typeof operand === "object";

interface Row {
  readonly doc: string;
  readonly from: readonly string[] | "none";
  readonly to: string;
  readonly guards?: readonly Guard[];
  readonly effects?: readonly Effect[];
  readonly recorded?: boolean;
}

/** A move of one family. */
export type MoveOn<F extends Family> = Move & { readonly on: F };

/** Builds one family's table from its rows; the key of a row is the name of its move. */
export function table<const F extends Family, const Rows extends Record<string, Row>>(
  on: F,
  rows: Rows,
): { readonly [Name in keyof Rows]: MoveOn<F> } {
  const moves = Object.entries(rows).map(([name, row]) => [name, toMove(on, name, row)] as const);
  return Object.fromEntries(moves) as { readonly [Name in keyof Rows]: MoveOn<F> };
}

function toMove<F extends Family>(on: F, name: string, row: Row): MoveOn<F> {
  const { doc, from, to, guards = [], effects = [], recorded = true } = row;
  return { name, on, doc, from, to, guards, effects, recorded };
}
