import { type Glob, type GlobPiece, parseGlob } from "./parse-glob.ts";

/** Whether a code point may stand here. */
type Takes = (code: number) => boolean;

export interface Matcher {
  readonly takes: (name: string) => boolean;
  /** States: what a character of a name may cost. */
  readonly size: number;
}

/** One state of the automaton: it takes a character, or stands for several at once. The first one accepts. */
type State = { readonly takes: Takes; readonly next: number } | { readonly either: number[] };

const SLASH = 0x2f;
const notSlash: Takes = (code) => code !== SLASH;
const isSlash: Takes = (code) => code === SLASH;
const any: Takes = () => true;
const ACCEPT = 0;

/**
 * A glob as a test of names. All ways to match go forward together, one character at a time (Thompson's simulation), so the
 * work is at most the glob's size times the name's length: a regular expression would try them one after the other.
 * @see https://swtch.com/~rsc/regexp/regexp1.html
 */
export function compileGlob(glob: string): Matcher {
  const states: State[] = [{ either: [] }];
  const start = compile(states, parseGlob(glob.replace(/^\.\//, "")), ACCEPT, true);
  return { takes: (name) => simulate(states, start, name.replace(/^\.\//, "")), size: states.length };
}

/** Adds the states of a sequence before `next`, from its end. `isWhole`: nothing of the glob comes after it. Answers its first state. */
function compile(states: State[], glob: Glob, next: number, isWhole: boolean): number {
  let entry = next;
  for (let at = glob.length - 1; at >= 0; at -= 1) {
    const isLast = isWhole && at === glob.length - 1;
    const piece = glob[at];
    const before = glob[at - 1];
    if (isDeep(before) && isChar(piece, "/")) {
      // `**/x` takes x as well.
      const slash = add(states, { takes: isSlash, next: entry });
      entry = add(states, { either: [loop(states, any, slash), entry] });
      at -= 1;
    } else if (isLast && isDeep(piece) && isChar(before, "/") && at > 1) {
      // `x/**` takes x as well.
      const slash = add(states, { takes: isSlash, next: loop(states, any, entry) });
      entry = add(states, { either: [slash, entry] });
      at -= 1;
    } else if (piece !== undefined) entry = compilePiece(states, piece, entry, isLast);
  }
  return entry;
}

const isDeep = (piece: GlobPiece | undefined): boolean => piece?.kind === "star" && piece.isDeep;
const isChar = (piece: GlobPiece | undefined, char: string): boolean => piece?.kind === "char" && piece.char === char;

function compilePiece(states: State[], piece: GlobPiece, next: number, isLast: boolean): number {
  switch (piece.kind) {
    case "char": {
      const wanted = piece.char.codePointAt(0);
      return add(states, { takes: (code) => code === wanted, next });
    }
    case "one":
      return add(states, { takes: notSlash, next });
    case "class": {
      const { ranges, isNegated } = piece;
      const isMember: Takes = (code) => ranges.some(([from, to]) => code >= from && code <= to);
      return add(states, { takes: (code) => code !== SLASH && isMember(code) !== isNegated, next });
    }
    case "star":
      return loop(states, piece.isDeep ? any : notSlash, next);
    case "choice":
      return add(states, { either: piece.of.map((one) => compile(states, one, next, isLast)) });
  }
}

/** Any number of such characters, then `next`. */
function loop(states: State[], takes: Takes, next: number): number {
  const either = [next];
  const entry = add(states, { either });
  either.push(add(states, { takes, next: entry }));
  return entry;
}

function add(states: State[], state: State): number {
  states.push(state);
  return states.length - 1;
}

function simulate(states: readonly State[], start: number, name: string): boolean {
  const seenAt = new Int32Array(states.length).fill(-1);
  let [now, then]: [number[], number[]] = [[], []];
  let position = 0;
  enter(states, seenAt, position, start, now);
  for (const char of name) {
    if (now.length === 0) return false;
    const code = char.codePointAt(0) ?? 0;
    position += 1;
    for (const index of now) {
      const state = states[index];
      if (state !== undefined && "takes" in state && state.takes(code))
        enter(states, seenAt, position, state.next, then);
    }
    [now, then] = [then, now];
    then.length = 0;
  }
  return seenAt[ACCEPT] === position;
}

/** Adds a state, and all that it stands for, once for each position. */
function enter(states: readonly State[], seenAt: Int32Array, position: number, first: number, into: number[]): void {
  const open = [first];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (seenAt[index] === position) continue;
    seenAt[index] = position;
    const state = states[index];
    if (state === undefined) continue;
    if ("takes" in state) into.push(index);
    else open.push(...state.either);
  }
}
