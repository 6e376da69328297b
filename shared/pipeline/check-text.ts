import { globCostMistake } from "../domain/glob-cost.ts";
import { ENV_NAME_PATTERN } from "../domain/id-patterns.ts";
import { NAME_LENGTH_MAX, PATH_LENGTH_MAX } from "../domain/limits.ts";
import { poolName } from "../protocol/ids.ts";

/** Rules for single texts. Each answers what is wrong, to be put after the text's name, or undefined. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Names of pipelines, jobs and steps: one line that a terminal can show. */
export function nameMistake(text: string): string | undefined {
  if (text.trim() === "") return "must not be empty";
  if (text.length > NAME_LENGTH_MAX)
    return `has ${text.length} characters; ${NAME_LENGTH_MAX} are allowed (NAME_LENGTH_MAX)`;
  return CONTROL.test(text) ? "must be one line without control characters" : undefined;
}

/** A digest's length and the ellipsis before it. */
const CUT_MARK_LENGTH = 9;

/**
 * A name that values were put into, which may be of any length and hold any sign: as one line within `NAME_LENGTH_MAX`. What
 * is cut ends with a digest of the whole, so that two long branches have two names. Undefined where nothing is left of it.
 */
export function fitName(text: string): string | undefined {
  const line = text.replace(new RegExp(CONTROL, "g"), "\ufffd").trim();
  if (line === "") return undefined;
  if (line.length <= NAME_LENGTH_MAX) return line;
  const kept = line.slice(0, NAME_LENGTH_MAX - CUT_MARK_LENGTH).replace(/[\ud800-\udbff]$/, "");
  return `${kept}…${digestOf(text)}`;
}

/** FNV-1a, 32 bits, as hex: it tells names apart, and guards nothing. */
function digestOf(text: string): string {
  let digest = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) digest = Math.imul(digest ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return digest.toString(16).padStart(8, "0");
}

export function poolMistake(text: string): string | undefined {
  const parsed = poolName.safeParse(text);
  return parsed.success ? undefined : `is not a pool: ${parsed.error.issues[0]?.message}`;
}

/** A path that stays in the workspace: relative, with `/`, without `..`. */
export function pathMistake(text: string): string | undefined {
  if (text === "") return "must not be empty";
  if (text.length > PATH_LENGTH_MAX)
    return `has ${text.length} characters; ${PATH_LENGTH_MAX} are allowed (PATH_LENGTH_MAX)`;
  if (CONTROL.test(text)) return "must not contain control characters";
  if (text.includes("\\")) return "must use / and no backslash";
  if (text.startsWith("/")) return "must be relative to the workspace: it starts with /";
  if (text.startsWith("~")) return "must be relative to the workspace: it starts with ~";
  return text.split("/").includes("..") ? "must stay in the workspace: it contains .." : undefined;
}

/** A glob with the same bounds, also where braces or parentheses would put `..` together. `!` excludes. */
export function patternMistake(text: string): string | undefined {
  const pattern = text.startsWith("!") ? text.slice(1) : text;
  const mistake = pathMistake(pattern);
  if (mistake !== undefined) return mistake;
  const pieces = pattern.split(/[/{},()|]+/);
  return pieces.includes("..") ? "must stay in the workspace: it contains .." : globCostMistake(pattern);
}

/** Paths are not read by a shell. Asked of what the file says: a value that is put into a path may hold such signs. */
export function shellWordMistake(template: string): string | undefined {
  const [whole, name] = /(?<!\$)\$(?:\(|([A-Za-z_][A-Za-z0-9_]*))/.exec(template) ?? [];
  if (whole === undefined) return undefined;
  const cure = name === undefined ? "" : `; write \${env.${name}} for a variable of env`;
  return `holds ${name === undefined ? "$(…)" : whole}, which no shell replaces here${cure}`;
}

/** `<shell> -e <script>` is run without a shell of its own, so arguments cannot stand here. */
export function shellMistake(text: string): string | undefined {
  const isWord = /^[A-Za-z0-9._/][A-Za-z0-9._+/-]*$/.test(text) && text.length <= PATH_LENGTH_MAX;
  return isWord ? undefined : "must be the name or path of one program, without arguments or interpolation";
}

/** Names of variables and of secrets. What the runner sets itself cannot be set. */
export function envNameMistake(name: string): string | undefined {
  if (/^\w+:/.test(name)) return "is not a variable's name: a space is missing after the colon";
  if (!ENV_NAME_PATTERN.test(name))
    return "is not a variable's name: 1 to 128 letters, digits or _, not starting with a digit";
  if (name === "BATON" || name.startsWith("BATON_")) return "is reserved: Baton sets BATON and BATON_* itself";
  // A plain object cannot hold this key as data.
  return name === "__proto__" ? "is reserved" : undefined;
}
