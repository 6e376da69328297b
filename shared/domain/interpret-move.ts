import { type Args, argValue, type Item, pathSegments } from "./item.ts";
import type { Effect, Guard, Move, Operand } from "./move.ts";

/**
 * Applies one move to an item in memory, with exactly the meaning of the compiled condition and update: the
 * simulator's table and the model checker stand on it. Returns undefined where DynamoDB would refuse. The item is not
 * changed, and the new one shares with it, and with the arguments, whatever the move leaves as it is.
 */
export function interpretMove(move: Move, item: Item | undefined, args: Args): Item | undefined {
  if (move.from === "none") return undefined;
  if (item === undefined || !move.from.includes(String(item["state"]))) return undefined;
  if (!move.guards.every((guard) => holds(guard, item, args))) return undefined;
  let next: Item = { ...item };
  for (const effect of move.effects) next = perform(effect, next, item, args);
  if (move.to !== "unchanged") next["state"] = move.to;
  if (!move.recorded) return next;
  return withValue(next, ["history", String(argValue(args, "historyKey"))], argValue(args, "historyEntry"));
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
      return isMember(found, operandValue(guard.value, args));
  }
}

/** DynamoDB looks into lists and texts too: what no codec lets in, but a corrupt item may hold. */
function isMember(found: unknown, value: unknown): boolean {
  if (found instanceof Set) return found.has(value);
  if (Array.isArray(found)) return found.includes(value);
  return typeof found === "string" && typeof value === "string" && found.includes(value);
}

/** DynamoDB compares values of one type only; a missing attribute compares false. */
function isComparable(left: unknown, right: unknown): boolean {
  return left !== undefined && typeof left === typeof right;
}

function perform(effect: Effect, next: Item, seen: Item, args: Args): Item {
  const segments = pathSegments(effect.path, args);
  switch (effect.kind) {
    case "set":
    case "put":
      return withValue(next, segments, operandValue(effect.value, args));
    case "add":
      return withValue(next, segments, addend(readAt(seen, segments)) + (operandValue(effect.value, args) as number));
    case "addToSet":
    case "removeFromSet":
      return withValue(
        next,
        segments,
        changedSet(effect.kind, readAt(seen, segments), operandValue(effect.value, args)),
      );
    case "remove":
      return withValue(next, segments, undefined);
  }
}

/** What is absent counts from 0. Like DynamoDB, refuses to add to anything but a number. */
function addend(found: unknown): number {
  if (found === undefined) return 0;
  if (typeof found !== "number") throw new Error("only a number can be added to");
  return found;
}

/** DynamoDB has no empty set: removing the last member removes the attribute. */
function changedSet(kind: "addToSet" | "removeFromSet", found: unknown, member: unknown): Set<unknown> | undefined {
  if (found !== undefined && !(found instanceof Set)) throw new Error("only a set has members");
  const members = new Set(found ?? []);
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

/** A copy of the maps along the path. Like DynamoDB, refuses one whose parent map does not exist. */
function withValue(map: Item, segments: readonly string[], value: unknown, depth = 0): Item {
  const segment = segments[depth];
  if (segment === undefined) throw new Error("an effect needs a path");
  if (depth < segments.length - 1) {
    const child = Object.hasOwn(map, segment) ? map[segment] : undefined;
    if (!isMap(child)) throw new Error(`the item has no map at ${segments.slice(0, depth + 1).join(".")}`);
    return { ...map, [segment]: withValue(child, segments, value, depth + 1) };
  }
  if (value !== undefined) return { ...map, [segment]: value };
  const { [segment]: _removed, ...rest } = map;
  return rest;
}

function isMap(value: unknown): value is Item {
  return typeof value === "object" && value !== null && !(value instanceof Set) && !Array.isArray(value);
}
