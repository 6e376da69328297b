/** What a filter's glob says, piece by piece. */
export type GlobPiece =
  | { readonly kind: "char"; readonly char: string }
  /** `?`: any character but a slash. */
  | { readonly kind: "one" }
  /** `[…]`, never a slash. It takes nothing where all of its ranges are the wrong way round. */
  | { readonly kind: "class"; readonly ranges: readonly CharRange[]; readonly isNegated: boolean }
  /** `*` within a part; deep, which is `**` at the beginning of one, across parts. */
  | { readonly kind: "star"; readonly isDeep: boolean }
  /** `{a,b}`, `{1..12}` or `{a..f}`. */
  | { readonly kind: "choice"; readonly of: readonly Glob[] };
export type Glob = readonly GlobPiece[];
/** Code points, both included. */
export type CharRange = readonly [from: number, to: number];

/** Numbers of one range such as `{1..12}`. */
export const GLOB_RANGE_MAX = 100;

/** Never fails: a bracket or a brace that is not closed, and braces without a choice, are text. */
export function parseGlob(glob: string): Glob {
  return parseSequence([...glob], true);
}

/** `atPart`: it begins where a part of the name begins. */
function parseSequence(signs: readonly string[], atPart: boolean): GlobPiece[] {
  const pieces: GlobPiece[] = [];
  for (let at = 0; at < signs.length; ) {
    const sign = signs[at] ?? "";
    const begins = at === 0 ? atPart : signs[at - 1] === "/";
    const read = readers[sign]?.(signs, at, begins) ?? { piece: { kind: "char", char: sign } as const, next: at + 1 };
    pieces.push(read.piece);
    at = read.next;
  }
  return pieces;
}

interface Read {
  readonly piece: GlobPiece;
  /** Where the next piece begins. */
  readonly next: number;
}
type Reader = (signs: readonly string[], at: number, begins: boolean) => Read | undefined;

const readers: Readonly<Record<string, Reader | undefined>> = {
  "?": (_, at) => ({ piece: { kind: "one" }, next: at + 1 }),
  "*": (signs, at, begins) => {
    let next = at;
    while (signs[next] === "*") next += 1;
    return { piece: { kind: "star", isDeep: begins && next - at === 2 }, next };
  },
  "[": readClass,
  "{": readChoice,
};

function readClass(signs: readonly string[], open: number): Read | undefined {
  const isNegated = signs[open + 1] === "^";
  const first = open + (isNegated ? 2 : 1);
  // A bracket that comes first is a member: []] and [^]].
  const close = signs.indexOf("]", first + 1);
  if (close < 0) return undefined;
  const ranges: CharRange[] = [];
  for (let at = first; at < close; ) {
    const isRange = signs[at + 1] === "-" && at + 2 < close;
    ranges.push([codeOf(signs[at]), codeOf(signs[isRange ? at + 2 : at])]);
    at += isRange ? 3 : 1;
  }
  return { piece: { kind: "class", ranges, isNegated }, next: close + 1 };
}

const codeOf = (sign = ""): number => sign.codePointAt(0) ?? 0;

function readChoice(signs: readonly string[], open: number, begins: boolean): Read | undefined {
  const { close, commas } = bracesAt(signs, open);
  if (close === undefined) return undefined;
  const next = close + 1;
  if (commas.length === 0) {
    const values = rangeOf(signs.slice(open + 1, close).join(""));
    const of = values?.map((value) => Array.from(value, (char) => ({ kind: "char", char }) as const));
    return of && { piece: { kind: "choice", of }, next };
  }
  const cuts = [open, ...commas, close];
  const of = cuts.slice(1).map((cut, nth) => parseSequence(signs.slice((cuts[nth] ?? 0) + 1, cut), begins));
  return { piece: { kind: "choice", of }, next };
}

/** Where the braces close, and the commas that are theirs. */
function bracesAt(signs: readonly string[], open: number): { close?: number; commas: number[] } {
  const commas: number[] = [];
  let depth = 0;
  for (let at = open; at < signs.length; at += 1) {
    const sign = signs[at];
    if (sign === "{") depth += 1;
    else if (sign === "," && depth === 1) commas.push(at);
    else if (sign === "}") depth -= 1;
    if (depth === 0) return { close: at, commas };
  }
  return { commas };
}

/** What `1..12` or `a..f` stands for; undefined of anything else. */
function rangeOf(text: string): string[] | undefined {
  const [, from = "", to = ""] = /^(\d{1,9}|[A-Za-z])\.\.(\d{1,9}|[A-Za-z])$/.exec(text) ?? [];
  if (from === "" || /\d/.test(from) !== /\d/.test(to)) return undefined;
  const isNumber = /\d/.test(from);
  const ends = isNumber ? [Number(from), Number(to)] : [codeOf(from), codeOf(to)];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (high - low >= GLOB_RANGE_MAX) return undefined;
  // `{01..12}` has names of two digits, as in a shell.
  const isPadded = /^0\d/.test(from) || /^0\d/.test(to);
  const width = isPadded ? Math.max(from.length, to.length) : 0;
  const values = Array.from({ length: high - low + 1 }, (_, nth) => low + nth);
  return values.map((value) => (isNumber ? String(value).padStart(width, "0") : String.fromCodePoint(value)));
}
