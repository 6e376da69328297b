import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** A test that says which security requirement it holds. */
export interface Proof {
  readonly number: number;
  readonly title: string;
  /** Relative to the repository. */
  readonly file: string;
}

/** Proofs in the titles of a folder's tests: `SECURITY 17: …` or `… (SECURITY 17)`; one title may name several numbers. */
export function readProofs(root: string, folder = "test"): Proof[] {
  const files = readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts") && !file.startsWith("fixtures") && !OWN_TESTS.test(file))
    .sort()
    .flatMap((file) => proofsIn(path.posix.join(folder, file), readFileSync(path.join(root, folder, file), "utf8")));
}

/** Where titles are quoted, and prove nothing. */
const OWN_TESTS = /^unit\/docs\//;

/** A title is a string of one line; what comments say is no proof. Where it is of a group, its tests are the proofs. */
export function proofsIn(file: string, text: string): Proof[] {
  const lines = text.split("\n").map((line) => (/^\s*(?:\/\/|\/?\*)/.test(line) ? "" : line));
  return lines.flatMap((line, at) => {
    const title = TITLE.exec(line)?.[2];
    const numbers = title === undefined ? [] : numbersOf(title);
    if (title === undefined || numbers.length === 0) return [];
    const titles = GROUP.test(line) ? inGroup(plain(title), lines, at) : [groupOf(lines, at) + plain(title)];
    return numbers.flatMap((number) => titles.map((one) => ({ number, title: one, file })));
  });
}

const GROUP = /^\s*describe\b/;
const TITLE = /(["'`])((?:(?!\1|\\).|\\.)*\bSECURITY \d(?:(?!\1|\\).|\\.)*)\1/;
/** Also where `each` takes its cases on lines of their own. */
const NESTED = /^\s+(?:(?:test|it)(?:\.\w+)*\((?:.*\)\()?|\]\)\()(["'`])((?:(?!\1|\\).|\\.)+)\1/;

const indentOf = (line: string) => line.length - line.trimStart().length;

/** The title of the group that a line stands in, as a prefix; empty where it stands in none, or where it is not in quotes. */
function groupOf(lines: readonly string[], at: number): string {
  const own = indentOf(lines[at] ?? "");
  const before = lines.slice(0, at).findLast((line) => GROUP.test(line) && indentOf(line) < own);
  const title = before === undefined ? undefined : /(["'`])((?:(?!\1|\\).|\\.)+)\1/.exec(before)?.[2];
  return title === undefined || own === 0 ? "" : `${plain(title)}: `;
}

/** The tests below a group's line, which are indented, up to where the group's own indentation comes again. */
function inGroup(group: string, lines: readonly string[], at: number): string[] {
  const below = lines.slice(at + 1);
  const end = below.findIndex((line) => line.trim() !== "" && indentOf(line) <= indentOf(lines[at] ?? ""));
  const titles = below.slice(0, end < 0 ? undefined : end).map((line) => NESTED.exec(line)?.[2]);
  const found = titles.filter((title) => title !== undefined);
  return found.length === 0 ? [group] : found.map((title) => `${group}: ${plain(title)}`);
}

/** `17`, `24 and 27`, `1–7, 9–11, 13`. */
const NUMBERS = String.raw`\d+(?:–\d+)?(?:(?:, | and )\d+(?:–\d+)?)*`;

function numbersOf(title: string): number[] {
  const groups = [...title.matchAll(new RegExp(`\\bSECURITY (${NUMBERS})`, "g"))].map((match) => match[1] ?? "");
  const ranges = groups.flatMap((group) => group.split(/, | and /));
  return [...new Set(ranges.flatMap(numbersIn))];
}

function numbersIn(range: string): number[] {
  const [from = 0, to = from] = range.split("–").map(Number);
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

const plain = (title: string) =>
  title
    .replace(new RegExp(`\\s*\\(SECURITY ${NUMBERS}\\)`, "g"), "")
    .replace(new RegExp(`SECURITY ${NUMBERS}: `, "g"), "")
    .trim();
