import { FILE_DEPTH_MAX, FILE_TOKENS_MAX } from "../domain/limits.ts";
import { cut } from "../lib/cut.ts";
import { type SyntaxMistake, TOO_DEEP_CODE, TOO_MANY_CODE } from "./compose-yaml.ts";
import { type Place, tellLine, tellStructure } from "./syntax-words.ts";

/** What a mistake of syntax is told as: where it begins on its line, if elsewhere than YAML says, and what to do. */
interface Told {
  readonly message: string;
  /** From 1; absent where the mistake's own column is the right one. */
  readonly column?: number;
}

export const TOO_DEEP = `values nest deeper than ${FILE_DEPTH_MAX} levels (FILE_DEPTH_MAX)`;
const TOO_COMPLEX = `the file has more than ${FILE_TOKENS_MAX} words and signs of YAML (FILE_TOKENS_MAX)`;
const MESSAGE_LENGTH_MAX = 200;

/**
 * Puts a mistake into words. Most are of one kind: text that YAML takes for a part of itself, so that it must be quoted.
 * `column` is the mistake's own, from 1.
 */
export function tellSyntax({ code, message }: SyntaxMistake, place: Place, column: number): Told {
  if (code === "RESOURCE_EXHAUSTION" || code === TOO_DEEP_CODE) return { message: TOO_DEEP };
  if (code === TOO_MANY_CODE) return { message: TOO_COMPLEX };
  if (code === "MULTIPLE_DOCS") return { message: "the file has more than one document: one file is one pipeline" };
  if (code === "TAB_AS_INDENT") return { message: "a tab cannot indent YAML; use spaces" };
  if (/directives-end/.test(message)) return { message: "a line that begins with % is a directive of YAML: quote it" };
  const seen = tellLine(place.line);
  if (seen !== undefined) return { message: seen };
  const told = tellValue(code, message, place, column);
  if (told !== undefined) return told;
  const structure = tellStructure(message, place);
  if (structure !== undefined) return { message: structure };
  const words = message.replaceAll(/\s+/g, " ");
  return {
    message: `not valid YAML: ${words.length > MESSAGE_LENGTH_MAX ? `${cut(words, MESSAGE_LENGTH_MAX)}…` : words}`,
  };
}

/** A key or a dash, and the value behind it. */
const ENTRY = /^(\s*(?:-\s+)*(?:[\w.-]+:\s+)?)(\S.*)$/;

function tellValue(code: string, message: string, place: Place, at: number): Told | undefined {
  const { line } = place;
  const inFlow = tellInFlow(code, message, line, at);
  if (inFlow !== undefined) return inFlow;
  const [, before = "", value = ""] = ENTRY.exec(line) ?? [];
  if (value === "") return undefined;
  const column = before.length + 1;
  const needsColon = code === "MULTILINE_IMPLICIT_KEY" || /Implicit map keys need/.test(message);
  if (needsColon && !value.includes(":") && tellStructure(message, place) === undefined)
    return { message: `is a ":" missing after ${quotedAsYaml(value)}?`, column };
  if (code === "BAD_INDENT" && /mapping items .*same column/.test(message))
    return { message: "entries of one map must start at the same column", column: line.search(/\S/) + 1 };
  if (code === "BLOCK_AS_IMPLICIT_KEY" && /block sequence/.test(message) && /^\s*-\s/.test(line))
    return { message: "the dashes of one list must stand in the same column", column: line.indexOf("-") + 1 };
  if (code === "BAD_DQ_ESCAPE") return tellEscape(value, column);
  const why = before.trim() === "" ? undefined : whyQuoted(value, message);
  return why === undefined ? undefined : { message: `${why}; ${howToQuote(value)}`, column };
}

/** Within `[…]` and `{…}` the value that is meant is the one at the mistake, and not the line's. */
function tellInFlow(code: string, message: string, line: string, at: number): Told | undefined {
  const [variable] = /\$\{[^{}]*\}/.exec(line) ?? [];
  if (variable !== undefined && /:\s+[[{]/.test(line) && /at node end|Missing ,|Unexpected/.test(message)) {
    const why = "inside [ ] and { } YAML takes { for a map of its own";
    return { message: `${why}; ${howToQuote(variable)}`, column: line.indexOf(variable) + 1 };
  }
  if (code !== "BAD_SCALAR_START" && !/Alias cannot be an empty/.test(message)) return undefined;
  const [word = ""] = /^[^,[\]{}]+/.exec(line.slice(at - 1)) ?? [];
  if (!/[[{][^\]}]*$/.test(line.slice(0, at - 1)) || word === "") return undefined;
  const why = whyQuoted(word, message);
  return why === undefined ? undefined : { message: `${why}; ${howToQuote(word.trim())}`, column: at };
}

function tellEscape(value: string, column: number): Told | undefined {
  const inner = /^"(.*)"$/.exec(value)?.[1];
  if (inner === undefined) return undefined;
  return { message: `in double quotes a backslash begins an escape; ${howToQuote(inner)}`, column };
}

/** What YAML takes a first sign for. */
const SIGNS: Readonly<Record<string, string>> = {
  "*": "an alias",
  "&": "an anchor",
  "!": "a tag",
  "|": "a block of lines",
  ">": "a block of lines",
  "-": "a list",
  "?": "a key",
};

function whyQuoted(value: string, message: string): string | undefined {
  const first = value.charAt(0);
  if (first === "[" || first === "{") {
    const what = first === "[" ? "a list" : "a map";
    return /at node end/.test(message) ? `a value that begins with ${first} is ${what}` : undefined;
  }
  if (first === '"' || first === "'")
    return /Missing closing/.test(message)
      ? `the quote ${first} is not closed`
      : `a value that begins with ${first} ends with the next ${first}`;
  const taken = SIGNS[first];
  if (taken !== undefined) return `a value that begins with ${first} is ${taken}`;
  if (/[%@`,\]}]/.test(first)) return `no value can begin with ${first}`;
  if (/: |:$/.test(value)) return 'text with ": " in it, or ":" at its end, is a map';
  return undefined;
}

const SHOWN_LENGTH_MAX = 100;

/** As a part of a message: how to write a text so that YAML takes it as text. */
export function howToQuote(text: string): string {
  if (text.length > SHOWN_LENGTH_MAX) return 'quote it, or write it below a "|"';
  return `quote it: ${quotedAsYaml(withoutQuotes(text))}`;
}

/** A text that only lacks what its own quotes need. */
function withoutQuotes(text: string): string {
  const whole = /^(['"])([^"\\]*)\1$/.exec(text)?.[2];
  if (whole !== undefined && !/['"] /.test(whole)) return whole;
  return /^["'][^"']*$/.test(text) ? text.slice(1) : text;
}

/** In single quotes where that is plain to read. */
function quotedAsYaml(text: string): string {
  if (!text.includes("'")) return `'${text}'`;
  return /["\\]/.test(text) ? `'${text.replaceAll("'", "''")}'` : `"${text}"`;
}
