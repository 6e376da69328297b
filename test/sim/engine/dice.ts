/** Seeded randomness. What is drawn for one thing never depends on what else was drawn: a dropped fault moves no other. */

/** The next number of a stream, in [0, 1). */
export type Dice = () => number;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over UTF-16 code units, continued from `state` (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function hashText(text: string, state: number = FNV_OFFSET): number {
  let hash = state;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  return hash >>> 0;
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
export function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The stream of one thing in one seed's world: mulberry32 from the hash of both. */
export function diceOf(seed: number, name: string): Dice {
  let state = mixed(hashText(name, mixed(seed ^ FNV_OFFSET)));
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from `min` to `max`, both included. */
export function wholeOf(dice: Dice, min: number, max: number): number {
  return min + Math.floor(dice() * (max - min + 1));
}

export function oneOf<T>(dice: Dice, all: readonly [T, ...T[]]): T {
  return all[Math.floor(dice() * all.length)] ?? all[0];
}

/** Mostly small, rarely many times the mean. */
export function longTailed(dice: Dice, mean: number): number {
  return -mean * Math.log(1 - dice());
}
