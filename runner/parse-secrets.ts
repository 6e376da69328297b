import { ENV_NAME_PATTERN } from "../shared/domain/id-patterns.ts";
import { TextFileError } from "../shared/lib/read-text-file.ts";

const QUOTES = ["'", '"', "`"];
/** All that stands around a value without being of it. Other blanks are as good a part of a value as any letter. */
const BLANKS_AT_END = /[ \t]+$/;

/**
 * Reads lines of `NAME=value`. A value is taken as it is written, but for spaces around it; one that begins with a quote goes
 * to the next such quote, over lines too, and in double quotes `\n` is a line end. What could mean two things is refused:
 * no value is ever changed without a word. Throws `TextFileError` with the line, and never with a part of it.
 */
export function parseSecrets(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, { readonly value: string; readonly line: number }>();
  const lines = text.split(/\r?\n|\r$/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const number = at + 1;
    if (line.includes("\r"))
      throw wrong(number, "has a carriage return in it: end each line with a line feed, or with both");
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name, rest = ""] = /^[ \t]*(?:export[ \t]+)?([^\s=]+)[ \t]*=[ \t]*(.*)$/s.exec(line) ?? [];
    if (name === undefined || !ENV_NAME_PATTERN.test(name)) throw wrong(number, "is no NAME=value");
    const earlier = found.get(name);
    if (earlier !== undefined) throw wrong(number, `has ${name} again; it is on line ${earlier.line} already`);
    const { value, lastAt } = QUOTES.includes(rest.charAt(0)) ? quotedValue(lines, at, rest) : plainValue(rest, at);
    found.set(name, { value, line: number });
    at = lastAt;
  }
  return new Map([...found].map(([name, { value }]) => [name, value]));
}

function plainValue(rest: string, at: number): { value: string; lastAt: number } {
  if (/\s#/.test(rest))
    throw wrong(at + 1, 'has " #" in its value: put the value in quotes, or the comment on a line of its own');
  return { value: rest.replace(BLANKS_AT_END, ""), lastAt: at };
}

function quotedValue(lines: readonly string[], at: number, rest: string): { value: string; lastAt: number } {
  const quote = rest.charAt(0);
  let value = rest.slice(1);
  let lastAt = at;
  while (!value.includes(quote)) {
    lastAt += 1;
    const next = lines[lastAt];
    if (next === undefined)
      throw wrong(at + 1, `begins with ${quote}, which is not closed: put the value in other quotes`);
    value += `\n${next}`;
  }
  const end = value.indexOf(quote);
  if (!/^\s*(#.*)?$/.test(value.slice(end + 1)))
    throw wrong(lastAt + 1, `goes on after its closing ${quote}: put the value in other quotes`);
  const inner = value.slice(0, end);
  if (quote !== '"' || !inner.includes("\\n")) return { value: inner, lastAt };
  // Whoever escapes means each of them, and only one is known here.
  if (/\\(?!n)/.test(inner))
    throw wrong(at + 1, "has \\n and another backslash in double quotes: put the value in single quotes, over lines");
  return { value: inner.replaceAll("\\n", "\n"), lastAt };
}

const wrong = (line: number, what: string): TextFileError => new TextFileError(`the line ${what}`, { line, column: 1 });
