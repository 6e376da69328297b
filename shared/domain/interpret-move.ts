import { type Args, argValue, type Item, pathSegments } from "./item.ts";
import type { Effect, Guard, Move, Operand } from "./move.ts";

/**
 * Applies one move to an item in memory, with exactly the meaning of the compiled condition and update: the
 * simulator's table and the model checker stand on it. Returns undefined where DynamoDB would refuse.
 */
export function interpretMove(move: Move, item: Item | undefined, args: Args): Item | undefined {
  if (move.from === "none") return undefined;
  if (item === undefined || !move.from.includes(String(item["state"]))) return undefined;
  if (!move.guards.every((guard) => holds(guard, item, args))) return undefined;
  const next = structuredClone(item);
  for (const effect of move.effects) perform(effect, next, item, args);
  if (move.to !== "unchanged") next["state"] = move.to;
  if (move.recorded) setAt(next, ["history", String(argValue(args, "historyKey"))], argValue(args, "historyEntry"));
  return next;
}

function holds(guard: Guard, item: Item, args: Args): boolean {
  const found = readAt(item, pathSegments(guard.path, args));
  switch (guard.kind) {
    case "absent":
      return found === undefined;
    case "equals":
      return found !== undefined && found === operandValue(guard.value, args);
    case "before":
      return (
        isComparable(found, operandValue(guard.value, args)) &&
        (found as number) < (operandValue(guard.value, args) as number)
      );
    case "after":
      return (
        isComparable(found, operandValue(guard.value, args)) &&
        (found as number) > (operandValue(guard.value, args) as number)
      );
    case "lessThanAttribute": {
      const other = readAt(item, pathSegments(guard.other, args));
      return isComparable(found, other) && (found as number) < (other as number);
    }
    case "contains":
      return containsMember(found, operandValue(guard.value, args));
  }
}

/** Like DynamoDB, looks into sets, lists and texts. */
function containsMember(found: unknown, member: unknown): boolean {
  if (typeof found === "string") return typeof member === "string" && found.includes(member);
  return found instanceof Set ? found.has(member) : Array.isArray(found) && found.includes(member);
}

/** DynamoDB compares values of one type only; a missing attribute compares false. */
function isComparable(left: unknown, right: unknown): boolean {
  return left !== undefined && typeof left === typeof right;
}

function perform(effect: Effect, next: Item, seen: Item, args: Args): void {
  const segments = pathSegments(effect.path, args);
  switch (effect.kind) {
    case "set":
    case "put":
      setAt(next, segments, structuredClone(operandValue(effect.value, args)));
      return;
    case "add":
      setAt(next, segments, sum(readAt(seen, segments) ?? 0, operandValue(effect.value, args)));
      return;
    case "addToSet":
    case "removeFromSet":
      setAt(next, segments, changedSet(effect.kind, readAt(seen, segments), operandValue(effect.value, args)));
      return;
    case "remove":
      setAt(next, segments, undefined);
  }
}

function sum(found: unknown, increment: unknown): number {
  if (typeof found !== "number" || typeof increment !== "number") throw new Error("only numbers can be added");
  return found + increment;
}

/** DynamoDB has no empty set: removing the last member removes the attribute. */
function changedSet(kind: "addToSet" | "removeFromSet", found: unknown, member: unknown): Set<unknown> | undefined {
  if (found !== undefined && !(found instanceof Set)) throw new Error("only a set has members");
  const members = new Set(found);
  if (kind === "addToSet") members.add(member);
  else members.delete(member);
  return members.size === 0 ? undefined : members;
}

function operandValue(operand: Operand, args: Args): unknown {
  return typeof operand === "object" ? argValue(args, operand.arg) : operand;
}

function readAt(item: Item, segments: readonly string[]): unknown {
  let at: unknown = item;
  for (const segment of segments) {
    if (!isMap(at)) return undefined;
    at = Object.hasOwn(at, segment) ? at[segment] : undefined;
  }
  return at;
}

/** Like DynamoDB, refuses a path whose parent map does not exist: items are born with every map they will need. */
function setAt(item: Item, segments: readonly string[], value: unknown): void {
  const last = segments.at(-1);
  const parent = readAt(item, segments.slice(0, -1));
  if (last === undefined || !isMap(parent)) {
    throw new Error(`the item has no map at ${segments.slice(0, -1).join(".")}`);
  }
  if (value === undefined) delete parent[last];
  else parent[last] = value;
}

const isMap = (value: unknown): value is Item =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Set);
