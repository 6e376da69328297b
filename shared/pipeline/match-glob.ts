import { GLOB_SIZE_MAX } from "../domain/limits.ts";
import { compileGlob, type Matcher } from "./compile-glob.ts";

/**
 * Names and paths against a filter's globs: `*` within one part, `**` across parts, `?`, `[…]`, `{a,b}`, `{1..9}`, `!` leaves
 * out. Dot files are files. Whoever pushes chooses both, and the table's only thread matches them: so the work is bounded by
 * their lengths, whatever they are.
 */

/** Why a glob cannot be a filter: it is meant for a shell or as a regular expression. Undefined where it can be one. */
export function globMistake(glob: string): string | undefined {
  if (glob.includes("\\"))
    return `must not contain a backslash: folders are parted by /, and a sign stands for itself in brackets, such as [*]`;
  if (glob.includes("|")) return "must not contain |: to choose among several write {a,b}, or [|] for the sign itself";
  const { size } = compileGlob(glob);
  if (size > GLOB_SIZE_MAX)
    return `stands for too much (${size} steps, GLOB_SIZE_MAX is ${GLOB_SIZE_MAX}): use fewer or shorter ranges`;
  return /[?*+@!]\(/.test(glob)
    ? "must not contain a group such as +(a): to choose among several write {a,b}"
    : undefined;
}

/**
 * Whether a filter takes a name: one of its globs matches, or all of them leave out, and no `!` glob matches. Without
 * globs it takes everything.
 */
export function isTaken(name: string, globs: readonly string[]): boolean {
  return makeFilter(globs).takes(name);
}

/** The same for many names: each glob is compiled once. */
export function makeFilter(globs: readonly string[]): Matcher {
  const taking = globs.filter((glob) => !glob.startsWith("!")).map((glob) => compileGlob(glob));
  const leaving = globs.filter((glob) => glob.startsWith("!")).map((glob) => compileGlob(glob.slice(1)));
  return {
    takes: (name) =>
      (taking.length === 0 || taking.some((glob) => glob.takes(name))) && !leaving.some((glob) => glob.takes(name)),
    size: [...taking, ...leaving].reduce((sum, glob) => sum + glob.size, 0),
  };
}
