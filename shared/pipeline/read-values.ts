import type { Located } from "./definition.ts";
import { homeKeyOf, whatInsteadOf } from "./foreign-keys.ts";
import { type Position, type Problems, quoted } from "./problem.ts";
import { suggest } from "./suggest.ts";
import { howToQuote } from "./syntax-message.ts";
import { type Entry, type Tree, typeOf } from "./tree.ts";

/** Readers of single values. Each reports what is wrong at the value itself and answers undefined, or what is usable. */

/** A value and the words that messages name it by, such as `jobs.build.timeout`. */
export interface Slot {
  readonly what: string;
  readonly tree: Tree;
  readonly problems: Problems;
}

/** The entries of a map with fixed keys. Unknown keys are reported. */
export interface Fields {
  readonly at: Position;
  slot(key: string): Slot | undefined;
  keyAt(key: string): Position;
}

export function readFields(slot: Slot, keys: readonly string[]): Fields | undefined {
  const { tree, what, problems } = slot;
  const name = what === "" ? "the file" : what;
  if (tree.kind !== "map") {
    const glued = tree.kind === "scalar" ? /^([a-z_]+):\S/.exec(tree.source)?.[1] : undefined;
    const space = glued !== undefined && keys.includes(glued) ? `; a space is missing after "${glued}:"` : "";
    problems.report(tree.at, `${name} must be a map with ${listed(keys)}, not ${typeOf(tree)}${space}`);
    return undefined;
  }
  const entries = new Map<string, Entry>();
  for (const entry of tree.entries) {
    if (keys.includes(entry.key)) entries.set(entry.key, entry);
    else reportUnknown(entry, name, keys, problems);
  }
  return {
    at: tree.at,
    slot: (key) => {
      const entry = entries.get(key);
      return entry && { what: what === "" ? key : `${what}.${key}`, tree: entry.value, problems };
    },
    keyAt: (key) => entries.get(key)?.at ?? tree.at,
  };
}

function reportUnknown({ key, at }: Entry, name: string, keys: readonly string[], problems: Problems): void {
  const instead = whatInsteadOf(key);
  const odd = isIndentedOddly(key) ? "; it begins with blanks that are no spaces" : "";
  const note = instead === undefined ? odd : `; ${instead}`;
  problems.report(at, `unknown key ${quoted(key)} in ${name}${note}`, () =>
    instead === undefined ? (homeKeyOf(key, keys) ?? suggest(key, keys)) : undefined,
  );
}

/** The entries of a map whose keys the user chooses. */
export function readEntries(slot: Slot | undefined, kind: string): readonly Entry[] {
  if (slot === undefined) return [];
  if (slot.tree.kind === "map") return slot.tree.entries;
  slot.problems.report(slot.tree.at, `${slot.what} must be a map ${kind}, not ${typeOf(slot.tree)}`);
  return [];
}

/** Text. A number or a boolean must be quoted, so that nothing is read as what it was not meant to be. */
export function readText(slot: Slot | undefined): Located<string> | undefined {
  if (slot === undefined) return undefined;
  const { tree, what, problems } = slot;
  if (tree.kind === "scalar" && typeof tree.value === "string") return { value: tree.value, at: tree.at };
  const quote = tree.kind === "scalar" && tree.value !== null ? "; quote it if you mean it" : meantAsText(tree);
  problems.report(tree.at, `${what} must be text, not ${typeOf(tree)}${quote}`);
  return undefined;
}

/** How to write as text what YAML takes for a list, a map or a comment. */
function meantAsText(tree: Tree): string {
  const text = tree.kind === "scalar" ? tree.comment : tree.source;
  if (text === undefined) return "";
  return tree.kind === "scalar" ? ` (# begins a comment; ${howToQuote(text)})` : `; if it is text, ${howToQuote(text)}`;
}

/** Text, or a number or boolean taken as it is written: `1.10` stays `1.10`. */
export function readWord(slot: Slot): Located<string> | undefined {
  const { tree, what, problems } = slot;
  if (tree.kind === "scalar" && tree.value !== null) return { value: tree.source, at: tree.at };
  problems.report(tree.at, `${what} must be text, not ${typeOf(tree)}${meantAsText(tree)}`);
  return undefined;
}

/** One word or a list of words; a repeated one is reported. At most `max`, a limit named `limit`. */
export function readWords(slot: Slot | undefined, max: number, limit: string): Located<string>[] {
  if (slot === undefined) return [];
  const { tree, what, problems } = slot;
  if (tree.kind === "scalar" && tree.value !== null) return [{ value: tree.source, at: tree.at }];
  if (tree.kind !== "list") {
    problems.report(tree.at, `${what} must be a word or a list of words, not ${typeOf(tree)}`);
    return [];
  }
  const words = new Map<string, Located<string>>();
  for (const item of atMost(tree.items, { max, limit, slot })) {
    const word = readWord({ what: `an entry of ${what}`, tree: item, problems });
    if (word === undefined) continue;
    if (words.has(word.value)) problems.report(word.at, `${quoted(word.value)} stands twice in ${what}`);
    else words.set(word.value, word);
  }
  return [...words.values()];
}

/** The first `max` members; that there are more is reported at the first one too many. */
export function atMost<T extends { readonly at: Position }>(
  members: readonly T[],
  bound: { readonly max: number; readonly limit: string; readonly slot: Slot },
): readonly T[] {
  const { max, limit, slot } = bound;
  const extra = members[max];
  if (extra === undefined) return members;
  slot.problems.report(extra.at, `${slot.what} has ${members.length} entries; ${max} are allowed (${limit})`);
  return members.slice(0, max);
}

export function readBoolean(slot: Slot | undefined, otherwise: boolean): boolean {
  if (slot === undefined) return otherwise;
  const { tree, what, problems } = slot;
  if (tree.kind === "scalar" && typeof tree.value === "boolean") return tree.value;
  problems.report(tree.at, `${what} must be true or false, not ${shown(tree)}`, () => meantBoolean(tree));
  return otherwise;
}

/** Words that older YAML reads as true and false: here they are text. */
function meantBoolean(tree: Tree): string | undefined {
  const word = tree.kind === "scalar" ? tree.source.toLowerCase() : "";
  if (["yes", "y", "on"].includes(word)) return "true";
  return ["no", "n", "off"].includes(word) ? "false" : undefined;
}

/** A whole number from 0 to `max`. */
export function readCount(slot: Slot | undefined, otherwise: number, max: number, limit: string): number {
  if (slot === undefined) return otherwise;
  const { tree, what, problems } = slot;
  const value = tree.kind === "scalar" ? tree.value : undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max) return value;
  problems.report(tree.at, `${what} must be a whole number from 0 to ${max} (${limit}), not ${shown(tree)}`);
  return otherwise;
}

/** A value as a message shows it: a scalar itself, anything else by its type. */
export function shown(tree: Tree): string {
  return tree.kind === "scalar" && tree.value !== null ? quoted(tree.source) : typeOf(tree);
}

function listed(keys: readonly string[]): string {
  return keys.length === 1 ? `"${keys[0]}"` : `${keys.slice(0, -1).join(", ")} or ${keys.at(-1)}`;
}

/** As text is that was copied from a web page: YAML takes such blanks for letters. */
const isIndentedOddly = (key: string): boolean => /^\s/.test(key);
