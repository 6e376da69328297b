import { type Args, argValue, pathSegments } from "../domain/item.ts";
import { type Effect, type Guard, isArg, type Move, type Operand, type Path } from "../domain/move.ts";

/** The parts of an `UpdateItem` that make DynamoDB itself refuse an illegal move, whoever asks. */
export interface CompiledMove {
  readonly ConditionExpression: string;
  readonly UpdateExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues: Record<string, unknown>;
}

/** Compiles one row of the transition table with its arguments. Throws where an argument is missing. */
export function compileMove(move: Move, args: Args): CompiledMove {
  if (move.from === "none") throw new Error(`${move.on}.${move.name} is a birth: it is put, not updated`);
  const aliases = makeAliases(args);
  const conditions = [inStates(move.from, aliases), ...move.guards.map((guard) => condition(guard, aliases))];
  const clauses: Clauses = { SET: [], ADD: [], DELETE: [], REMOVE: [] };
  for (const effect of move.effects) addClause(clauses, effect, aliases);
  if (move.to !== "unchanged") clauses.SET.push(`${aliases.path("state")} = ${aliases.literal(move.to)}`);
  if (move.recorded)
    clauses.SET.push(`${aliases.path("history.$historyKey")} = ${aliases.operand({ arg: "historyEntry" })}`);
  return {
    ConditionExpression: conditions.join(" AND "),
    UpdateExpression: printClauses(clauses),
    ExpressionAttributeNames: aliases.names,
    ExpressionAttributeValues: aliases.values,
  };
}

type Clauses = Record<"SET" | "ADD" | "DELETE" | "REMOVE", string[]>;

interface Aliases {
  readonly names: Record<string, string>;
  readonly values: Record<string, unknown>;
  path(path: Path): string;
  operand(operand: Operand): string;
  literal(value: unknown): string;
}

/** Every name and value is passed beside the expression, never inside it. */
function makeAliases(args: Args): Aliases {
  const names: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  const known = new Map<string, string>();
  const nameOf = (segment: string) => {
    const alias = known.get(segment) ?? `#n${known.size}`;
    known.set(segment, alias);
    names[alias] = segment;
    return alias;
  };
  const literal = (value: unknown) => {
    const alias = `:v${Object.keys(values).length}`;
    values[alias] = value;
    return alias;
  };
  return {
    names,
    values,
    literal,
    path: (path) => pathSegments(path, args).map(nameOf).join("."),
    operand: (operand) => literal(isArg(operand) ? argValue(args, operand.arg) : operand),
  };
}

function inStates(states: readonly string[], aliases: Aliases): string {
  return `${aliases.path("state")} IN (${states.map((state) => aliases.literal(state)).join(", ")})`;
}

function condition(guard: Guard, aliases: Aliases): string {
  const path = aliases.path(guard.path);
  switch (guard.kind) {
    case "equals":
      return `${path} = ${aliases.operand(guard.value)}`;
    case "absent":
      return `attribute_not_exists(${path})`;
    case "before":
      return `${path} < ${aliases.operand(guard.value)}`;
    case "after":
      return `${path} > ${aliases.operand(guard.value)}`;
    case "lessThanAttribute":
      return `${path} < ${aliases.path(guard.other)}`;
    case "contains":
      return `contains(${path}, ${aliases.operand(guard.value)})`;
  }
}

function addClause(clauses: Clauses, effect: Effect, aliases: Aliases): void {
  const path = aliases.path(effect.path);
  switch (effect.kind) {
    case "set":
    case "put":
      clauses.SET.push(`${path} = ${aliases.operand(effect.value)}`);
      return;
    case "add":
      // ADD works on top-level attributes only; SET with a default works anywhere.
      clauses.SET.push(`${path} = if_not_exists(${path}, ${aliases.literal(0)}) + ${aliases.operand(effect.value)}`);
      return;
    case "addToSet":
      clauses.ADD.push(`${path} ${aliases.literal(new Set([operandValue(effect.value, aliases)]))}`);
      return;
    case "removeFromSet":
      clauses.DELETE.push(`${path} ${aliases.literal(new Set([operandValue(effect.value, aliases)]))}`);
      return;
    case "remove":
      clauses.REMOVE.push(path);
  }
}

/** A set's member travels inside a one-member set, so its bare alias must not stay behind: DynamoDB refuses unused values. */
function operandValue(operand: Operand, aliases: Aliases): unknown {
  const alias = aliases.operand(operand);
  const value = aliases.values[alias];
  delete aliases.values[alias];
  return value;
}

function printClauses(clauses: Clauses): string {
  return Object.entries(clauses)
    .filter(([, parts]) => parts.length > 0)
    .map(([keyword, parts]) => `${keyword} ${parts.join(", ")}`)
    .join(" ");
}
