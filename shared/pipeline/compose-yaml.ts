import { Composer, type CST, type Document, Lexer, LineCounter, Parser } from "yaml";
import { FILE_DEPTH_MAX, FILE_TOKENS_MAX, SYNTAX_ERRORS_MAX } from "../domain/limits.ts";

/** What the parser of YAML found wrong, before it is put into words for people. */
export interface SyntaxMistake {
  readonly offset: number;
  readonly code: string;
  readonly message: string;
}

/** The first document of a text, as far as it was read. */
export interface Composed {
  /** Undefined where reading stopped: the errors then say why. */
  readonly document: Document.Parsed | undefined;
  readonly errors: readonly SyntaxMistake[];
  readonly lines: LineCounter;
  /** Lexical tokens that were read: what the work was. */
  readonly tokens: number;
}

/** Codes of our own, for what ends the reading of a text. */
export const TOO_DEEP_CODE = "BATON_DEPTH";
export const TOO_MANY_CODE = "BATON_TOKENS";

/** A level of nesting may be two tokens on the parser's stack, and the document is one. */
const STACK_MAX = 2 * FILE_DEPTH_MAX + 8;

/** Thrown through the library, which has no other way to be stopped. Made once: a stack trace for each error was most of the cost. */
const STOP = new Error("reading stopped");

/**
 * Reads YAML with work that is bounded by the limits and not by what a text can do to the parser: reading stops at the
 * first value that is too deep, at too many tokens, and at `SYNTAX_ERRORS_MAX` errors. Never throws on any text.
 */
export function composeYaml(text: string): Composed {
  const lines = new LineCounter();
  const errors: SyntaxMistake[] = [];
  const progress: Progress = { tokens: 0, quoteAt: 0 };
  const report = (offset: number, code: string, message: string): void => {
    // The library points to the end of what such a quote swallows: of the file.
    const at = UNCLOSED.test(message) ? progress.quoteAt : offset;
    if (errors.length < SYNTAX_ERRORS_MAX) errors.push({ offset: at, code, message });
    if (errors.length >= SYNTAX_ERRORS_MAX) throw STOP;
  };
  try {
    const document = compose(text, lines, report, progress);
    return { document, errors, lines, tokens: progress.tokens };
  } catch (error) {
    if (error !== STOP) throw error;
    return { document: undefined, errors, lines, tokens: progress.tokens };
  }
}

/** How far the lexer is, and where the last quoted text begins. */
interface Progress {
  tokens: number;
  quoteAt: number;
}

const UNCLOSED = /^Missing closing ["']/;

type Report = (offset: number, code: string, message: string) => void;

function compose(text: string, lines: LineCounter, report: Report, progress: Progress): Document.Parsed {
  // The library compares every key with every other; ours is linear, and names both lines.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: "error" } as const;
  const composer = new Composer(options);
  // In place of the library's own, which makes an Error of each.
  Object.assign(composer, {
    onError: (source: ErrorSource, code: string, message: string, isWarning?: boolean) => {
      if (isWarning !== true) report(offsetOf(source), code, message);
    },
  });
  let first: Document.Parsed | undefined;
  const take = (documents: Iterable<Document.Parsed>): void => {
    for (const document of documents) {
      if (first === undefined) first = document;
      else stop(report, document.range[0], "MULTIPLE_DOCS", "");
    }
  };
  for (const token of boundedTokens(text, lines, report, progress)) {
    if (token.type === "error") report(token.offset, "UNEXPECTED_TOKEN", token.message);
    else take(composer.next(token));
  }
  take(composer.end(true, text.length));
  if (first === undefined) throw new Error("the parser of YAML made no document");
  return first;
}

type ErrorSource = number | readonly number[] | { readonly offset: number };

function offsetOf(source: ErrorSource): number {
  if (typeof source === "number") return source;
  return "offset" in source ? source.offset : (source[0] ?? 0);
}

/** The parser's tokens, as long as the text has not shown itself to be too much. */
function* boundedTokens(
  text: string,
  lines: LineCounter,
  report: Report,
  progress: Progress,
): Generator<CST.Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    progress.tokens += 1;
    if (progress.tokens > FILE_TOKENS_MAX) stop(report, 0, TOO_MANY_CODE, "");
    if (/^["']/.test(lexeme)) progress.quoteAt = parser.offset;
    yield* parser.next(lexeme);
    if (parser.stack.length > STACK_MAX) stop(report, parser.offset, TOO_DEEP_CODE, "");
  }
  yield* parser.end();
}

function stop(...[report, offset, code, message]: [Report, number, string, string]): never {
  report(offset, code, message);
  throw STOP;
}
