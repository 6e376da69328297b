import { posix } from "node:path";

/** Which names an archive may carry, in both directions (SECURITY 31). */

/** The normal form of a path that stays inside, or undefined: absolute, `..`, NUL, and any `.git` are refused. */
export function safePath(path: string): string | undefined {
  if (path.startsWith("/") || path.includes("\0")) return undefined;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..")) return undefined;
  // In a dependent's workspace it would be that repository's configuration and hooks.
  if (parts.some((part) => part.toLowerCase() === ".git")) return undefined;
  return parts.join("/");
}

/**
 * Whether a symbolic link at `path` stays inside. `..` may stand only at the front of its target: there it climbs real
 * folders; behind a name it could climb out of wherever another link leads. So no chain of such links leaves either.
 */
export function isSafeLink(path: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\0")) return false;
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const climbs = parts.findIndex((part) => part !== "..");
  if (climbs >= 0 && parts.slice(climbs).includes("..")) return false;
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  return resolved !== ".." && !resolved.startsWith("../");
}
