import { PROBLEM_LENGTH_MAX, PROBLEMS_MAX } from "../domain/limits.ts";
import { cut, shorten } from "../lib/cut.ts";
import { showInvisible } from "../lib/invisible.ts";

/** Where something stands in a file; both count from 1, columns in UTF-16 units as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One mistake in a pipeline file, told to the person who wrote it. */
export interface Problem extends Position {
  readonly file: string;
  readonly message: string;
  /** What was probably meant. */
  readonly suggestion?: string;
}

/** `file:line:column: message (did you mean "…"?)`, the form that editors and terminals link. */
export function printProblem(problem: Problem): string {
  const { file, line, column, message, suggestion } = problem;
  const hint = suggestion === undefined ? "" : ` (did you mean ${quoted(suggestion)}?)`;
  return `${file}:${line}:${column}: ${message}${hint}`;
}

/** Gathers the problems of one file: bounded, each once, in file order. */
export interface Problems {
  /** A suggestion is worked out only where the problem will be shown. */
  report(at: Position, message: string, suggest?: () => string | undefined): void;
  /** Something is not there. Not reported of a file that breaks off: it may stand in the rest. */
  missing(at: Position, message: string): void;
  /** The file cannot be read from this line on: nothing more is reported of what follows. */
  breakAt(at: Position): void;
  isBroken(): boolean;
  /** A value was refused and left out: what seems to be missing may be it. */
  incomplete(): void;
  list(): Problem[];
}

/** An empty collection for a file of that name. */
export function collectProblems(file: string): Problems {
  const found = new Map<string, Problem>();
  let isIncomplete = false;
  let brokenLine = Number.POSITIVE_INFINITY;
  const report: Problems["report"] = (at, message, suggest) => {
    const { line, column } = at;
    if (line >= brokenLine) return;
    const told = shorten(message, PROBLEM_LENGTH_MAX);
    const key = `${line}:${column}:${told}`;
    // One more than the limit is kept, to know that there are more.
    if (found.size > PROBLEMS_MAX || found.has(key)) return;
    const suggestion = suggest?.();
    found.set(key, { file, line, column, message: told, ...(suggestion === undefined ? {} : { suggestion }) });
  };
  return {
    report,
    missing: (at, message) => {
      if (brokenLine === Number.POSITIVE_INFINITY && !isIncomplete) report(at, message);
    },
    incomplete: () => {
      isIncomplete = true;
    },
    breakAt: (at) => {
      brokenLine = at.line;
    },
    isBroken: () => brokenLine !== Number.POSITIVE_INFINITY,
    list: () => inFileOrder(file, [...found.values()]),
  };
}

function inFileOrder(file: string, problems: readonly Problem[]): Problem[] {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const last = sorted[PROBLEMS_MAX];
  if (last === undefined) return sorted;
  const { line, column } = last;
  const message = `there are more than ${PROBLEMS_MAX} problems; the rest is not shown`;
  return [...sorted.slice(0, PROBLEMS_MAX), { file, line, column, message }];
}

const SHOWN_LENGTH_MAX = 80;
/** Control characters of C1, and joiners: JSON leaves them as they are. */
const UNPRINTED = /[\u007f-\u009f\u200c\u200d]/g;

/** A piece of the user's text as a message may show it: quoted, cut, with nothing that a terminal would obey. */
export function quoted(text: string): string {
  const short = text.length > SHOWN_LENGTH_MAX ? `${cut(text, SHOWN_LENGTH_MAX)}…` : text;
  const json = JSON.stringify(short).replace(UNPRINTED, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return showInvisible(json);
}
