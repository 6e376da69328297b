import { showInvisible } from "../lib/invisible.ts";
import { isTaken } from "./match-glob.ts";
import { type CharRange, GLOB_RANGE_MAX, type Glob, type GlobPiece, parseGlob } from "./parse-glob.ts";

/** What a filter's globs are about. Branches and tags are refs, named without `refs/heads/` and `refs/tags/`. */
export type NameKind = "branch" | "tag" | "path";

/**
 * Why a glob can match no name that git allows, with what to write instead, to be put after the glob; undefined where it
 * can match one. A few globs that could match only what nobody means, such as `[0-9]+`, are refused, too.
 * @see https://git-scm.com/docs/git-check-ref-format
 */
export function deadPatternMistake(glob: string, kind: NameKind): string | undefined {
  const meant = meantOtherwise(glob, kind);
  if (meant !== undefined) return meant;
  // A glob that begins with `./` is taken as what follows.
  const shapes = shapesOf(parseGlob(glob.replace(/^\.\//, "")), kind);
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

/** What means something in a regular expression, a shell or another system's filter, and here something that nobody writes. */
function meantOtherwise(glob: string, kind: NameKind): string | undefined {
  if (/\[[^\]]+\]\+/.test(glob))
    return `cannot be meant: + repeats nothing in a glob; write "${glob.replaceAll("]+", "]*")}", or [+] for the sign itself`;
  if (/\]\{\d+,?\}/.test(glob))
    return "cannot be meant: {2} repeats nothing in a glob; write what it repeats so many times";
  if (/\[:\w+:\]/.test(glob)) return "cannot be meant: a glob has no classes such as [:digit:]; write [0-9]";
  const negated = glob.replaceAll("[!", "[^");
  if (negated !== glob) return `cannot be meant: to leave out characters write "${negated}"`;
  const single = glob.replace(/\.\{(\w+)\}$/, ".$1");
  if (single !== glob) return `cannot be meant: braces choose among several; write "${single}"`;
  const range = /\{\w+\.\.[^{},]+\}/.exec(glob)?.[0];
  if (range !== undefined && parseGlob(range)[0]?.kind !== "choice")
    return `cannot be meant: ${range} is no range; one has two numbers, less than ${GLOB_RANGE_MAX} apart, or two letters`;
  if (/(?:\*\*|\/),\s*\S/.test(glob.replace(/\{[^{}]*\}/g, "")))
    return "cannot be meant: several globs are a list, [a, b], and not one text";
  return kind === "path" ? undefined : refMeantOtherwise(glob);
}

function refMeantOtherwise(glob: string): string | undefined {
  if (glob.includes("${")) return "cannot be meant: no value is put into a filter; write the name";
  if (glob === "$default-branch") return "cannot be meant: nothing is put in its place; write the name of the branch";
  return showInvisible(glob) === glob ? undefined : "cannot be meant: it holds a character that nobody sees";
}

/** One character that is not known, any number of them, and one that there is not. */
const ONE = "\u0001";
const ANY = "\u0002";
const NONE = "\u0003";
const SHAPES_MAX = 256;

/** Each way to choose among a glob's braces, with its wildcards as placeholders; undefined where there are too many. */
function shapesOf(glob: Glob, kind: NameKind): string[] | undefined {
  let shapes = [""];
  for (const piece of glob) {
    const choices = shapesOfPiece(piece, kind);
    if (choices === undefined || shapes.length * choices.length > SHAPES_MAX) return undefined;
    shapes = shapes.flatMap((shape) => choices.map((choice) => shape + choice));
  }
  return shapes;
}

function shapesOfPiece(piece: GlobPiece, kind: NameKind): string[] | undefined {
  switch (piece.kind) {
    case "char":
      return [piece.char];
    case "one":
      return [ONE];
    case "class":
      return [piece.isNegated || piece.ranges.some((range) => canStand(range, kind)) ? ONE : NONE];
    case "star":
      return [ANY];
    case "choice": {
      const all = piece.of.map((one) => shapesOf(one, kind));
      return all.includes(undefined) ? undefined : all.flatMap((shapes) => shapes ?? []);
    }
  }
}

/** Signs that git allows in no ref, beside spaces and control characters. */
const NOT_IN_REFS = /[~^:?*[\\]/;
const BEYOND_ASCII = 0x80;

function canStand([from, to]: CharRange, kind: NameKind): boolean {
  if (to < from) return false;
  if (to >= BEYOND_ASCII) return true;
  const signs = Array.from({ length: to - from + 1 }, (_, nth) => String.fromCodePoint(from + nth));
  return signs.some((sign) => sign !== "/" && (kind === "path" || (sign > " " && !NOT_IN_REFS.test(sign))));
}

function deadPath(shape: string, glob: string): string | undefined {
  if (shape.includes(NONE)) return `matches no path: ${NO_MEMBER}`;
  if (shape === "") return 'matches no path: write "**" for all of them';
  if (shape.startsWith("/")) return `matches no path: paths are relative to the repository; write "${trimmed(glob)}"`;
  if (shape.endsWith("/")) return `matches no path: it names a folder; write "${insideOf(glob)}"`;
  if (shape.startsWith("~/")) return "matches no path: no shell reads it, so ~ is only a name here";
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
  if (shape.includes(NONE)) return `${none}: ${NO_MEMBER}`;
  if (shape === "") return `${none}: write "**" for all of them`;
  const full = /^refs\/(?:heads|tags)\//.exec(glob)?.[0];
  if (full !== undefined) return `${none}: names stand here without ${full}; write "${glob.slice(full.length)}"`;
  if (shape.startsWith("refs/")) return `${none}: no name begins with refs/`;
  if (shape.startsWith("/")) return `${none}: no name begins with /; write "${trimmed(glob)}"`;
  if (shape.endsWith("/")) return `${none}: no name ends with /; write "${insideOf(glob)}"`;
  if (shape.includes("//")) return `${none}: no name has an empty part; write "${glob.replaceAll(/\/+/g, "/")}"`;
  const plain = glob.replace(/^\^/, "").replace(/\$$/, "").replaceAll(".*", "*");
  if (shape.startsWith("^") || shape.startsWith(`.${ANY}`))
    return `${none}: it is a glob and no regular expression; write "${plain}"`;
  const sign = /[~^:[]|@\{/.exec(shape)?.[0];
  if (sign !== undefined) return `${none}: git allows no ${sign} in a name`;
  if (shape.includes("..")) return `${none}: git allows no .. in a name`;
  if (/(^|\/)\./.test(shape)) return `${none}: git allows no part of a name that begins with a dot`;
  if (/\.lock(\/|$)/.test(shape)) return `${none}: git allows no part of a name that ends with .lock`;
  if (shape.endsWith(".")) return `${none}: git allows no name that ends with a dot`;
  return shape === "@" ? `${none}: git allows no name @` : undefined;
}

const NO_MEMBER = "no character is in its [ ]: a range begins with its first one, as in [a-z]";
const trimmed = (glob: string): string => glob.replace(/^\/+/, "").replace(/\/+$/, "") || "**";
/** All that is in a folder. */
const insideOf = (glob: string): string =>
  trimmed(glob)
    .replace(/(?:\/?\*\*)*$/, "/**")
    .replace(/^\//, "");
