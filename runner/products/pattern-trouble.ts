import { globCostMistake } from "../../shared/domain/glob-cost.ts";

/** Why a pattern of `artifacts.paths` matches nothing, where its own text says so: for whoever wrote it. */

/** What must not be matched at all: it leaves the workspace, or no runner could match it in time. */
export function patternMistake(pattern: string): string | undefined {
  const path = pattern.replace(/^!/, "");
  if (path === "") return "it is empty";
  if (path.includes("\0")) return "no file's name has a NUL in it";
  if (path.startsWith("/"))
    return "it is absolute, and leaves the workspace: paths begin in the workspace, without a /";
  if (path.split("/").includes("..")) return "it leaves the workspace: .. is not followed";
  return globCostMistake(path);
}

/** A guess, of a pattern that met nothing. */
export function whyNothing(pattern: string): string | undefined {
  const variable = /\$(\w+|\{[^}]*\}|\()/.exec(pattern)?.[0];
  if (variable !== undefined)
    return `no shell reads it, so ${variable}${variable.endsWith("(") ? "…)" : ""} is only a name here; the pipeline's own \${env.NAME} is replaced`;
  if (/^~(\/|$)/.test(pattern)) return "no shell reads it, so ~ is only a name here";
  if (/(^|\/)\.git(\/|$)/i.test(pattern)) return "what is in a .git folder is never kept";
  if (pattern.includes("\\")) return "a \\ takes the next character as it is; folders are parted by /";
  if (pattern.trim() !== pattern) return "it begins or ends with a space";
  return undefined;
}
