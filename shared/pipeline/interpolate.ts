import { ENV_VALUE_BYTES_MAX } from "../domain/limits.ts";
import type { Template } from "./definition.ts";
import { type Problems, quoted } from "./problem.ts";
import { suggest } from "./suggest.ts";

/**
 * Replaces `${name}` in names, environment values, pools and paths; `$${` stands for `${` itself. Scripts and shells
 * are never interpolated: a branch name can become text here, but never code (SECURITY 21).
 */
export interface Scope {
  /** The value of a name; undefined where the name is known but has no value, which was then already reported. */
  lookUp(name: string, template: Template): string | undefined;
}

/** The text with every reference replaced, or undefined: what is wrong was reported at the template. */
export function interpolate(template: Template, scope: Scope, problems: Problems): string | undefined {
  if (!template.value.includes("${")) return withinBound(template, template.value, problems);
  const parts = splitTemplate(template.value);
  if (parts === undefined) {
    problems.report(template.at, `a \${ is not closed by }; write $\${ for the characters themselves`);
    return undefined;
  }
  let text = "";
  let isWhole = true;
  for (const part of parts) {
    const value = part.kind === "text" ? part.text : scope.lookUp(part.name, template);
    if (value === undefined) isWhole = false;
    else text += value;
    // Values that refer to each other can double at every step: stop where it is too long, not after.
    if (text.length > ENV_VALUE_BYTES_MAX) break;
  }
  return withinBound(template, text, problems) !== undefined && isWhole ? text : undefined;
}

function withinBound(template: Template, text: string, problems: Problems): string | undefined {
  if (text.length <= ENV_VALUE_BYTES_MAX && Buffer.byteLength(text) <= ENV_VALUE_BYTES_MAX) return text;
  problems.report(template.at, `the value is longer than ${ENV_VALUE_BYTES_MAX} bytes (ENV_VALUE_BYTES_MAX)`);
  return undefined;
}

type Part = { readonly kind: "text"; readonly text: string } | { readonly kind: "reference"; readonly name: string };

/** Undefined where a `${` is not closed. */
function splitTemplate(text: string): Part[] | undefined {
  const parts: Part[] = [];
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf("${", at);
    if (open < 0) break;
    if (open > at && text[open - 1] === "$") {
      parts.push({ kind: "text", text: `${text.slice(at, open - 1)}\${` });
      at = open + 2;
      continue;
    }
    const close = text.indexOf("}", open);
    if (close < 0) return undefined;
    parts.push({ kind: "text", text: text.slice(at, open) });
    parts.push({ kind: "reference", name: text.slice(open + 2, close) });
    at = close + 1;
  }
  parts.push({ kind: "text", text: text.slice(at) });
  return parts;
}

const ROOTS = ["run.id", "git.sha", "git.branch", "git.tag"];

/** What a run knows of itself. Without a source there is no commit; a tag has no branch, and a branch is no tag. */
export interface RunContext {
  readonly runId: string;
  readonly sha?: string | undefined;
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
  /** The pool that every job has, whatever the definition says: a fork's. */
  readonly pool?: string | undefined;
}

/** How `${env.NAME}` is found: the value, or a report and undefined. */
type EnvLookUp = (name: string, template: Template) => string | undefined;

/** `run.id`, `git.sha`, `git.branch`, `git.tag`, and variables as `env` finds them. Any other name is reported. */
export function runScope(run: RunContext, env: EnvLookUp, known: () => Iterable<string>, problems: Problems): Scope {
  const missing = (name: string, why: string, template: Template): undefined => {
    problems.report(template.at, `\${${name}} has no value: ${why}`);
  };
  return {
    lookUp: (name, template) => {
      if (name === "run.id") return run.runId;
      if (name === "git.sha") return run.sha ?? missing(name, "this run has no source", template);
      // Empty rather than a problem: one pipeline may be for branches and for tags.
      if (name === "git.branch") return run.branch ?? "";
      if (name === "git.tag") return run.tag ?? "";
      if (name.startsWith("env.")) return env(name.slice("env.".length), template);
      const names = () => [...ROOTS, ...[...known()].map((variable) => `env.${variable}`)];
      const message = `${quoted(`\${${name}}`)} is not known; there are run.id, git.sha, git.branch, git.tag and env.NAME`;
      problems.report(template.at, message, () => suggest(name, names()));
      return undefined;
    },
  };
}
