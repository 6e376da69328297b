import { isTaken } from "./match-glob.ts";

/** What a filter's globs are about. Branches and tags are refs, named without `refs/heads/` and `refs/tags/`. */
export type NameKind = "branch" | "tag" | "path";

/**
 * Why a glob can match no name that git allows, with what to write instead, to be put after the glob; undefined where it
 * can match one. A few globs that could match only what nobody means, such as `[0-9]+`, are refused, too.
 * @see https://git-scm.com/docs/git-check-ref-format
 */
export function deadPatternMistake(glob: string, kind: NameKind): string | undefined {
  const meant = meantOtherwise(glob);
  if (meant !== undefined) return meant;
  const shapes = shapesOf(glob);
  if (shapes === undefined) return undefined;
  const reasons = shapes.map((shape) => (kind === "path" ? deadPath(shape, glob) : deadRef(shape, glob, kind)));
  return reasons.every((reason) => reason !== undefined) ? reasons[0] : undefined;
}

/**
 * The glob of a list that leaves out all that another one takes, where that can be told for certain; undefined where the
 * other one may still match.
 */
export function excludedBy(glob: string, excluding: readonly string[]): string | undefined {
  const isLiteral = !/[*?[{]/.test(glob);
  return excluding.find((other) => {
    if (other === glob || other === "**") return true;
    if (isLiteral) return isTaken(glob, [other]);
    if (other === "*") return !glob.includes("/") && !glob.includes("**");
    const folder = /^([^*?[{]+\/)\*\*$/.exec(other)?.[1];
    return folder !== undefined && glob.startsWith(folder);
  });
}

/** Signs that mean something in a regular expression or in a shell, and here something that nobody writes a filter for. */
function meantOtherwise(glob: string): string | undefined {
  if (/\[[^\]]+\]\+/.test(glob))
    return `cannot be meant: + repeats nothing in a glob; write "${glob.replaceAll("]+", "]*")}", or [+] for the sign itself`;
  const negated = glob.replaceAll("[!", "[^");
  if (negated !== glob) return `cannot be meant: to leave out characters write "${negated}"`;
  return undefined;
}

/** One character that is not known, and any number of them. */
const ONE = "\u0001";
const ANY = "\u0002";
const SHAPES_MAX = 256;

/** Each way to choose among a glob's braces, with its wildcards as placeholders; undefined where there are too many. */
function shapesOf(glob: string): string[] | undefined {
  // A glob that begins with `./` is taken as what follows.
  const plain = glob
    .replace(/^\.\//, "")
    .replace(/\[[^\]]+\]/g, ONE)
    .replaceAll("*", ANY)
    .replaceAll("?", ONE);
  let open = [plain];
  // The innermost braces first: those with a comma are a choice, a range stands for one character, others are text.
  for (let depth = 0; depth < 16; depth += 1) {
    const next = open.flatMap(chooseOnce);
    if (next.length > SHAPES_MAX) return undefined;
    if (next.length === open.length && next.every((shape, at) => shape === open[at])) return next;
    open = next;
  }
  return undefined;
}

function chooseOnce(shape: string): string[] {
  const found = /\{([^{}]*(?:,|\.\.)[^{}]*)\}/.exec(shape);
  const inner = found?.[1];
  if (found === null || inner === undefined) return [shape];
  const before = shape.slice(0, found.index);
  const after = shape.slice(found.index + found[0].length);
  const choices = inner.includes(",") ? inner.split(",") : [ONE];
  return choices.map((choice) => before + choice + after);
}

function deadPath(shape: string, glob: string): string | undefined {
  if (shape.startsWith("/")) return `matches no path: paths are relative to the repository; write "${trimmed(glob)}"`;
  if (shape.endsWith("/")) return `matches no path: it names a folder; write "${trimmed(glob)}/**"`;
  const parts = shape.split("/");
  if (parts.includes("")) return `matches no path: it has an empty part; write "${glob.replaceAll(/\/+/g, "/")}"`;
  if (parts.includes("..")) return "matches no path: paths are relative to the repository, and have no ..";
  // One that is a dot alone can name a file: no file is called so, but `./x` is taken as `x`.
  if (parts.includes(".")) return `matches no path: it has a part that is only a dot; leave that part out`;
  return parts.includes(".git") ? "matches no path: git keeps no file of a folder .git" : undefined;
}

/** GitHub, too, refuses names that begin with `refs/`. */
function deadRef(shape: string, glob: string, kind: "branch" | "tag"): string | undefined {
  const none = `matches no ${kind}`;
  const full = /^refs\/(?:heads|tags)\//.exec(glob)?.[0];
  if (full !== undefined) return `${none}: names stand here without ${full}; write "${glob.slice(full.length)}"`;
  if (shape.startsWith("refs/")) return `${none}: no name begins with refs/`;
  if (shape.startsWith("/")) return `${none}: no name begins with /; write "${trimmed(glob)}"`;
  if (shape.endsWith("/")) return `${none}: no name ends with /; write "${trimmed(glob)}/**"`;
  if (shape.includes("//")) return `${none}: no name has an empty part; write "${glob.replaceAll(/\/+/g, "/")}"`;
  const plain = glob.replace(/^\^/, "").replace(/\$$/, "").replaceAll(".*", "*");
  if (shape.startsWith("^") || shape.startsWith(`.${ANY}`))
    return `${none}: it is a glob and no regular expression; write "${plain}"`;
  const sign = /[~^:]|@\{/.exec(shape)?.[0];
  if (sign !== undefined) return `${none}: git allows no ${sign} in a name`;
  if (shape.includes("..")) return `${none}: git allows no .. in a name`;
  if (/(^|\/)\./.test(shape)) return `${none}: git allows no part of a name that begins with a dot`;
  if (/\.lock(\/|$)/.test(shape)) return `${none}: git allows no part of a name that ends with .lock`;
  if (shape.endsWith(".")) return `${none}: git allows no name that ends with a dot`;
  return shape === "@" ? `${none}: git allows no name @` : undefined;
}

const trimmed = (glob: string): string => glob.replace(/^\/+/, "").replace(/\/+$/, "");
