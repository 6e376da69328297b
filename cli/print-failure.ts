import { MESSAGE_LENGTH_MAX, PROBLEMS_MAX } from "../shared/domain/limits.ts";
import { shorten } from "../shared/lib/cut.ts";
import { showInvisible } from "../shared/lib/invisible.ts";
import { CommandError } from "./command-error.ts";
import { EXIT } from "./exit-codes.ts";
import { sanitizeLine } from "./print/sanitize.ts";

/**
 * Tells a failure on stderr in one line (and notes below), and returns the exit code. Errors of the client are told
 * apart by name, so that the protocol is not loaded to report a wrong option.
 */
export function printFailure(error: unknown, debug: boolean, write: (text: string) => void): number {
  const { line, notes, exitCode } = describeFailure(error);
  const shown = notes.slice(0, NOTES_MAX);
  const more = notes.length > NOTES_MAX ? [`… and ${notes.length - NOTES_MAX} more`] : [];
  for (const text of [`baton: ${line}`, ...shown, ...more]) {
    const bounded = shorten(text.replaceAll("\n", " "), MESSAGE_LENGTH_MAX);
    write(`${showInvisible(sanitizeLine(bounded, false))}\n`);
  }
  if (debug) write(`${error instanceof Error ? (error.stack ?? String(error)) : String(error)}\n`);
  if (debug && error instanceof Error && error.cause !== undefined) write(`cause: ${String(error.cause)}\n`);
  return exitCode;
}

/** A file's problems, and the line that says that there are more. */
const NOTES_MAX = PROBLEMS_MAX + 1;

interface Failure {
  readonly line: string;
  readonly notes: readonly string[];
  readonly exitCode: number;
}

function describeFailure(error: unknown): Failure {
  const exitCode = EXIT.couldNotRun;
  if (error instanceof CommandError) return { line: error.message, notes: error.notes, exitCode: error.exitCode };
  if (!(error instanceof Error)) return { line: String(error), notes: [], exitCode };
  if (error.name === "ApiError") return { line: describeRefusal(error), notes: problemsOf(error), exitCode };
  if (error.name === "UnreachableError") {
    // An answer that is not ours is of another server: to start one of our own here would not help.
    const isOther = "status" in error && error.status !== undefined;
    const hint = isOther
      ? "is that a control plane's URL, and of this version?"
      : "is the control plane up? `baton up` starts one here";
    return { line: `${error.message}; ${hint}`, notes: [], exitCode };
  }
  if (error.name === "StackError") return { line: error.message, notes: [], exitCode };
  return { line: `${error.message} (unexpected; BATON_DEBUG=1 shows more)`, notes: [], exitCode };
}

const HINTS: Readonly<Record<string, string>> = {
  unauthorized:
    "; `baton tokens create` makes one where the control plane is, and `baton login --url URL` keeps it here",
};

/** What a token lacks is a scope, or it is refused for another reason, which no other token helps. */
function hintOf(code: string, message: string): string {
  if (code === "forbidden" && message.includes(" needs the scope "))
    return "; `baton tokens create` makes a token that has it";
  return HINTS[code] ?? "";
}

function describeRefusal(error: Error): string {
  const code = "code" in error ? String(error.code) : "";
  const request = "requestId" in error ? `, request ${String(error.requestId)}` : "";
  // Where in a request a mistake is means nothing to who gave an option.
  const message =
    code === "bad_request" ? error.message.replace(/(^|; )(body|query|path|headers)\./g, "$1") : error.message;
  return `${message.replace(/\.$/, "")}${hintOf(code, message)} (${code}${request})`;
}

/** A refused definition carries its problems, with positions. */
function problemsOf(error: Error): string[] {
  const details =
    "details" in error && typeof error.details === "object" ? (error.details as object | undefined) : undefined;
  const problems = details !== undefined && "problems" in details ? details.problems : undefined;
  if (!Array.isArray(problems)) return [];
  const told = problems.map((problem: unknown) => (typeof problem === "string" ? problem : printProblemOf(problem)));
  // Of a single problem the message is all that there is to say.
  return told.filter((problem) => !error.message.endsWith(problem));
}

function printProblemOf(problem: unknown): string {
  if (typeof problem !== "object" || problem === null) return String(problem);
  const { file, line, column, message, suggestion } = problem as Record<string, unknown>;
  if (message === undefined) return JSON.stringify(problem);
  const where = file === undefined ? "" : `${String(file)}:${String(line)}:${String(column)}: `;
  return `${where}${String(message)}${suggestion === undefined ? "" : ` (did you mean ${String(suggestion)}?)`}`;
}
