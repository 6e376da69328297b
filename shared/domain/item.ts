import type { Path } from "./move.ts";

/** An item of the table as plain data: numbers, strings, booleans, maps, lists and sets of strings. */
export type Item = Record<string, unknown>;

/** The arguments of a move, by name. */
export type Args = Readonly<Record<string, unknown>>;

/** The named argument. Throws where the caller forgot it: a guard must never compare with nothing. */
export function argValue(args: Args, name: string): unknown {
  const value = args[name];
  if (value === undefined) throw new Error(`the move needs the argument "${name}"`);
  return value;
}

/** The segments of a path, each `$name` replaced by that argument. */
export function pathSegments(path: Path, args: Args): string[] {
  return path
    .split(".")
    .map((segment) => (segment.startsWith("$") ? String(argValue(args, segment.slice(1))) : segment));
}
