import { isTaken } from "../pipeline/match-glob.ts";
import type { SecretRef } from "./secret-paths.ts";

export interface KeptSecret extends SecretRef {
  readonly value: string;
}

/**
 * The values that a run on a branch gets, by name. Of several patterns for one name the narrowest wins: the branch
 * itself, then the glob with the longest text before its first wildcard, then no pattern. A run of no branch (of a tag,
 * or without source) gets those without a pattern.
 */
export function chooseSecrets(
  kept: readonly KeptSecret[],
  names: readonly string[],
  branch: string | undefined,
): ReadonlyMap<string, string> {
  const wanted = new Set(names);
  const fitting = kept.filter((secret) => wanted.has(secret.name) && fits(secret.branch, branch));
  // The last one written wins, so the narrowest comes last.
  return new Map([...fitting].sort(byNarrowness).map(({ name, value }) => [name, value]));
}

function fits(pattern: string | undefined, branch: string | undefined): boolean {
  if (pattern === undefined) return true;
  if (branch === undefined) return false;
  return pattern === branch || isTaken(branch, [pattern]);
}

function byNarrowness(a: SecretRef, b: SecretRef): number {
  const [left, right] = [narrowness(a.branch), narrowness(b.branch)];
  const at = left.findIndex((part, index) => part !== right[index]);
  if (at >= 0) return (left[at] ?? 0) - (right[at] ?? 0);
  // Equally narrow, and both fit: the same one every time.
  return (a.branch ?? "") < (b.branch ?? "") ? -1 : 1;
}

/** Exact or not, then the literal beginning, then all that is literal. */
function narrowness(pattern: string | undefined): readonly number[] {
  if (pattern === undefined) return [0, 0, 0];
  const beginning = /^[^*?[{]*/.exec(pattern)?.[0] ?? "";
  const literal = pattern.replace(/[*?[\]{}]/g, "").length;
  return [beginning === pattern ? 2 : 1, beginning.length, literal];
}
