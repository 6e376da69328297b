import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type YAMLMap,
  type YAMLSeq,
  type Scalar as YamlScalar,
} from "yaml";
import { FILE_DEPTH_MAX, FILE_EXPANDED_LENGTH_MAX, FILE_VALUES_MAX } from "../domain/limits.ts";
import { type Composed, composeYaml, TOO_MANY_CODE } from "./compose-yaml.ts";
import { type Position, type Problems, quoted } from "./problem.ts";
import { suggest } from "./suggest.ts";
import { howToQuote, TOO_DEEP, tellSyntax } from "./syntax-message.ts";
import type { Place } from "./syntax-words.ts";
import type { Entry, List, Mapping, Scalar, Tree } from "./tree.ts";

/** A text's values, and how much of it was read. */
export interface YamlReading {
  /** Undefined where there is nothing to go on with; the problems then say why. */
  readonly tree: Tree | undefined;
  /** Lexical tokens: what reading it took. */
  readonly tokens: number;
}

/**
 * Reads YAML 1.2 (core schema) strictly: one document, no tags, no duplicate keys. Aliases and `<<` are followed, and
 * bounded by what they expand to.
 */
export function readYaml(text: string, problems: Problems): YamlReading {
  const bare = text.startsWith("\ufeff") ? text.slice(1) : text;
  const composed = composeYaml(bare);
  reportSyntax(composed, bare, problems);
  return { tree: treeOf(composed, bare, problems), tokens: composed.tokens };
}

function treeOf({ document, lines }: Composed, text: string, problems: Problems): Tree | undefined {
  if (document === undefined) return undefined;
  const walk: Walk = { text, lines, problems, anchors: new Map(), valuesLeft: FILE_VALUES_MAX };
  const tree = document.contents === null ? undefined : convert(document.contents as YamlNode, walk, START, 0);
  if (tree === undefined || (tree.kind === "scalar" && tree.value === null)) {
    problems.missing(START, 'the file is empty: a pipeline needs "jobs"');
    return undefined;
  }
  return isExpandable(tree, walk) ? tree : undefined;
}

type YamlNode = YamlScalar | YAMLSeq | YAMLMap | Alias;

interface Walk {
  readonly text: string;
  readonly lines: LineCounter;
  readonly problems: Problems;
  /** What each anchor names so far; undefined while its own node is being read. */
  readonly anchors: Map<string, Tree | undefined>;
  valuesLeft: number;
}

const START: Position = { line: 1, column: 1 };
const TOO_MANY = `the file has more than ${FILE_VALUES_MAX} values once its aliases are expanded (FILE_VALUES_MAX)`;
const TOO_LONG = `the file has more than ${FILE_EXPANDED_LENGTH_MAX} characters once its aliases are expanded (FILE_EXPANDED_LENGTH_MAX)`;

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return line === 0 ? START : { line, column: col };
}

function reportSyntax({ document, errors, lines }: Composed, text: string, problems: Problems): void {
  let first: Position | undefined;
  const broken = new Set<number>();
  for (const error of errors) {
    const at = error.code === TOO_MANY_CODE ? START : positionAt(lines, error.offset);
    if (first === undefined || at.line < first.line) first = at;
    // One broken line often breaks the parser's view of its rest: the first error is the one that helps.
    if (broken.has(at.line)) continue;
    broken.add(at.line);
    const { message, column = at.column } = tellSyntax(error, placeOf(text, lines, at), at.column);
    problems.report({ line: at.line, column }, message);
  }
  if (document?.directives.yaml.explicit === true && document.directives.yaml.version !== "1.2") {
    problems.report(START, "only YAML 1.2 is read");
  }
  // What stands before the first syntax error was read soundly; what comes after it was guessed.
  if (first !== undefined) problems.breakAt(first);
}

function placeOf(text: string, lines: LineCounter, { line }: Position): Place {
  let above = "";
  for (let up = 1; up <= LINES_ABOVE_MAX && above === "" && up < line; up += 1) above = lineAt(text, lines, line - up);
  return { line: lineAt(text, lines, line), above };
}

function lineAt(text: string, lines: LineCounter, line: number): string {
  const start = lines.lineStarts[line - 1] ?? 0;
  // No more than a message may be about: a file may be one line, with a mistake at every word.
  const [first = ""] = text.slice(start, start + LINE_LENGTH_MAX).split("\n", 1);
  return first.trimEnd();
}

const LINE_LENGTH_MAX = 400;
const LINES_ABOVE_MAX = 8;

function isExpandable(tree: Tree, walk: Walk): boolean {
  const isFew = walk.valuesLeft >= 0 && tree.values <= FILE_VALUES_MAX;
  if (isFew && tree.length <= FILE_EXPANDED_LENGTH_MAX) return true;
  walk.problems.report(START, isFew ? TOO_LONG : TOO_MANY);
  return false;
}

/** `ownerAt` is where the key or dash stands that owns the node: an empty value has no place of its own. */
function convert(node: YamlNode | null, walk: Walk, ownerAt: Position, depth: number): Tree | undefined {
  walk.valuesLeft -= 1;
  if (walk.valuesLeft < 0) return undefined;
  // Of a file that breaks off, an empty value may be one that could not be read.
  if (node === null || isEmpty(node))
    return walk.problems.isBroken() ? undefined : { ...nothing(ownerAt), ...commentAt(walk, ownerAt) };
  const at = node.range ? positionAt(walk.lines, node.range[0]) : ownerAt;
  if (depth > FILE_DEPTH_MAX) {
    walk.problems.report(at, TOO_DEEP);
    return undefined;
  }
  if (isAlias(node)) return followAlias(node, walk, at);
  if (node.tag !== undefined) return refuseTag(node, node.tag, walk, at);
  const anchor = node.anchor;
  if (anchor !== undefined) walk.anchors.set(anchor, undefined);
  const tree = convertOwn(node, walk, at, depth);
  if (anchor !== undefined) walk.anchors.set(anchor, tree);
  return tree;
}

/** A glob or a command may begin with a sign that YAML takes for a tag: then the whole of it is text. */
function refuseTag(node: YamlScalar | YAMLSeq | YAMLMap, tag: string, walk: Walk, at: Position): undefined {
  walk.problems.incomplete();
  const end = node.range?.[1] ?? 0;
  const valueStart = node.range?.[0] ?? 0;
  const lineStart = Math.max(walk.lines.lineStarts[at.line - 1] ?? 0, valueStart - LINE_LENGTH_MAX);
  const start = lineStart + walk.text.slice(lineStart, valueStart).lastIndexOf(tag);
  const text = walk.text.slice(start, Math.min(end, start + LINE_LENGTH_MAX)).trim();
  const isText = isScalar(node) && tag.startsWith("!") && start >= lineStart && !text.includes("\n");
  if (!isText) {
    walk.problems.report(at, `tags such as ${quoted(tag)} are not read; write the value plainly`);
    return;
  }
  const message = `a value that begins with ! is a tag, and tags are not read; ${howToQuote(text)}`;
  walk.problems.report(positionAt(walk.lines, start), message);
}

function convertOwn(node: YamlScalar | YAMLSeq | YAMLMap, walk: Walk, at: Position, depth: number): Tree | undefined {
  if (isSeq(node)) return convertList(node, walk, at, depth);
  if (isMap(node)) return convertMap(node, walk, at, depth);
  const scalar = convertScalar(node, at);
  // An escape such as "\\ud83d" can write one; neither the table nor a file could hold it.
  if (!scalar.source.isWellFormed()) walk.problems.report(at, "half of a surrogate pair is no text");
  return scalar;
}

const isEmpty = (node: YamlNode): boolean =>
  isScalar(node) && node.value === null && !node.source && !node.anchor && !node.tag;

const nothing = (at: Position): Scalar => ({ kind: "scalar", value: null, source: "", at, values: 1, length: 0 });

/** Text that was meant as the value, and is a comment. */
function commentAt({ text, lines }: Walk, ownerAt: Position): { comment?: string; at?: Position } {
  const line = lineAt(text, lines, ownerAt.line);
  const comment = line.includes("#") ? /(?::|-)\s+(#.*)$/.exec(line)?.[1] : undefined;
  return comment === undefined ? {} : { comment, at: { ...ownerAt, column: line.length - comment.length + 1 } };
}

/** A list or a map in one line, as it is written: it may have been meant as text. */
function flowSource(node: YAMLSeq | YAMLMap, { text }: Walk): { source?: string } {
  if (node.flow !== true || !node.range) return {};
  const source = text.slice(node.range[0], Math.min(node.range[1], node.range[0] + LINE_LENGTH_MAX));
  return source.includes("\n") ? {} : { source };
}

function convertScalar(node: YamlScalar, at: Position): Scalar {
  const value = node.value;
  if (value === null || value === undefined) return nothing(at);
  if (typeof value === "number" || typeof value === "boolean") {
    const source = node.source ?? String(value);
    return { kind: "scalar", value, source, at, values: 1, length: source.length };
  }
  const text = String(value);
  return { kind: "scalar", value: text, source: text, at, values: 1, length: text.length };
}

function convertList(node: YAMLSeq, walk: Walk, at: Position, depth: number): List {
  const items: Tree[] = [];
  for (const item of node.items) {
    const tree = convert(item as YamlNode | null, walk, at, depth + 1);
    if (tree !== undefined) items.push(tree);
  }
  return { kind: "list", items, at, ...flowSource(node, walk), ...sizeOf(items) };
}

function convertMap(node: YAMLMap, walk: Walk, at: Position, depth: number): Mapping {
  const entries: Entry[] = [];
  const places = new Map<string, Position>();
  const merges: Tree[] = [];
  for (const pair of node.items) {
    const key = pair.key as YamlNode | null;
    const keyAt = key?.range ? positionAt(walk.lines, key.range[0]) : at;
    const value = convert(pair.value as YamlNode | null, walk, keyAt, depth + 1);
    const name = keyOf(key, walk, keyAt);
    if (name === undefined || value === undefined) continue;
    if (name === "<<" && isScalar(key) && key.type === "PLAIN") {
      merges.push(value);
      continue;
    }
    const earlier = places.get(name);
    if (earlier !== undefined) {
      walk.problems.report(keyAt, `${quoted(name)} is written twice; the first is on line ${earlier.line}`);
      continue;
    }
    places.set(name, keyAt);
    entries.push({ key: name, at: keyAt, value });
  }
  for (const merge of merges) mergeInto(entries, places, merge, walk);
  return { kind: "map", entries, at, ...flowSource(node, walk), ...sizeOf(entries.map((entry) => entry.value)) };
}

function keyOf(key: YamlNode | null, walk: Walk, at: Position): string | undefined {
  if (isScalar(key) && key.value !== null && key.tag === undefined) {
    return typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
  }
  walk.problems.report(at, "a key must be a plain word");
  return undefined;
}

/** `<<` gives entries that the map does not write itself; the first of several merged maps wins. */
function mergeInto(entries: Entry[], places: Map<string, Position>, merge: Tree, walk: Walk): void {
  for (const source of merge.kind === "list" ? merge.items : [merge]) {
    if (source.kind !== "map") {
      walk.problems.report(source.at, 'the value of "<<" must be a map, an alias of one, or a list of them');
      continue;
    }
    for (const entry of source.entries) {
      walk.valuesLeft -= 1;
      if (walk.valuesLeft < 0) return;
      if (places.has(entry.key)) continue;
      places.set(entry.key, entry.at);
      entries.push(entry);
    }
  }
}

function followAlias(node: Alias, walk: Walk, at: Position): Tree | undefined {
  const tree = walk.anchors.get(node.source);
  if (tree !== undefined) return tree;
  walk.problems.incomplete();
  const isOpen = walk.anchors.has(node.source);
  walk.problems.report(
    at,
    isOpen
      ? `the alias ${quoted(node.source)} stands inside the value that it names`
      : `no anchor ${quoted(node.source)} stands before this alias; if it is text, ${howToQuote(`*${node.source}`)}`,
    () => (isOpen ? undefined : suggest(node.source, walk.anchors.keys())),
  );
  return undefined;
}

function sizeOf(members: readonly Tree[]): { values: number; length: number } {
  let values = 1;
  let length = 0;
  for (const member of members) {
    values += member.values;
    length += member.length;
  }
  return { values, length };
}
