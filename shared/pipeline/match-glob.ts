import picomatch from "picomatch";
import { globCostMistake } from "../domain/glob-cost.ts";

/** Names and paths against a filter's globs: `*` within one part, `**` across parts, `?`, `[…]`, `{a,b}`, `!` leaves out. */

/** Dot files are files. A name is never read as code: no groups, no repetition but a glob's own. */
const OPTIONS = { dot: true, noextglob: true, regex: false, nonegate: true } as const;

/** Why a glob cannot be a filter: it would be a regular expression, or cost too much. Undefined where it can. */
export function globMistake(glob: string): string | undefined {
  if (/[()|\\]/.test(glob)) return "must not contain ( ) | or a backslash";
  return globCostMistake(glob);
}

/**
 * Whether a filter takes a name: one of its globs matches, or all of them leave out, and no `!` glob matches. Without
 * globs it takes everything.
 */
export function isTaken(name: string, globs: readonly string[]): boolean {
  return makeFilter(globs)(name);
}

/** The same for many names: each glob is compiled once. */
export function makeFilter(globs: readonly string[]): (name: string) => boolean {
  const taking = globs.filter((glob) => !glob.startsWith("!")).map((glob) => picomatch(glob, OPTIONS));
  const leaving = globs.filter((glob) => glob.startsWith("!")).map((glob) => picomatch(glob.slice(1), OPTIONS));
  return (name) =>
    (taking.length === 0 || taking.some((match) => match(name))) && !leaving.some((match) => match(name));
}
