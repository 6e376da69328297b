import { isMap, isScalar, LineCounter, type Node, parseDocument, visit } from "yaml";
import type { z } from "zod";
import { suggest } from "../../shared/pipeline/suggest.ts";
import { CommandError } from "../command-error.ts";

/**
 * Reads a flat YAML map by a strict schema. Throws a `CommandError` with every mistake as `file:line:col: message`:
 * unknown and repeated keys, other types, values out of their bounds.
 */
export function parseStrictYaml<S extends z.ZodObject>(text: string, file: string, schema: S): z.output<S> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, strict: true, uniqueKeys: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  fail(document.errors.map((error) => `${at(error.pos[0])}: ${error.message.split("\n")[0]}`));
  visit(document, { Alias: (_, alias) => fail([`${at(startOf(alias))}: aliases have no place in this file`]) });
  const root = document.contents;
  if (root !== null && !isMap(root)) fail([`${at(startOf(root))}: this file is a map of keys to values`]);
  const known = Object.keys(schema.shape);
  const parsed = schema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => ({ offset: keyOffset(root, key), message: unknownKey(key, known) }));
    return [{ offset: valueOffset(root, issue.path), message: `${issue.path.join(".")}: ${issue.message}` }];
  });
  fail(problems.toSorted((a, b) => a.offset - b.offset).map(({ offset, message }) => `${at(offset)}: ${message}`));
  throw new Error(`${file} was refused without a reason`);
}

function fail(problems: readonly string[]): void {
  const [first, ...rest] = problems;
  if (first !== undefined) throw new CommandError(first, { notes: rest });
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = suggest(key, known);
  return `unknown key "${key}"${near === undefined ? `; known are ${known.join(", ")}` : ` (did you mean ${near}?)`}`;
}

function keyOffset(root: Node | null, key: string): number {
  const pair = isMap(root) ? root.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
  return isScalar(pair?.key) ? startOf(pair.key) : 0;
}

function valueOffset(root: Node | null, path: readonly PropertyKey[]): number {
  if (!isMap(root)) return 0;
  const found = root.getIn(path, true);
  return isScalar(found) || isMap(found) ? startOf(found) : keyOffset(root, String(path[0]));
}

const startOf = (node: Node): number => node.range?.[0] ?? 0;
