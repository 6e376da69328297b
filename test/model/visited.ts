/**
 * A hash-compacted set of states: 64 bits of each key in typed arrays, open addressing. Two states that share their 64
 * bits are taken for one: `missProbability` says how likely that ever was.
 */
export interface Visited {
  /** True where the key was new. */
  add(key: string): boolean;
  readonly size: () => number;
  readonly bytes: () => number;
}

const FIRST_SLOTS = 1 << 16;
const LOAD_MAX = 0.6;
const SLOT_BYTES = 8;

export function makeVisited(): Visited {
  let slots = FIRST_SLOTS;
  let low = new Uint32Array(slots);
  let high = new Uint32Array(slots);
  let size = 0;

  function insert(a: number, b: number): boolean {
    let at = (a ^ (b >>> 7)) & (slots - 1);
    for (;;) {
      const x = low[at];
      const y = high[at];
      if (x === 0 && y === 0) break;
      if (x === a && y === b) return false;
      at = (at + 1) & (slots - 1);
    }
    low[at] = a;
    high[at] = b;
    return true;
  }

  function grow(): void {
    const [oldLow, oldHigh] = [low, high];
    slots *= 2;
    low = new Uint32Array(slots);
    high = new Uint32Array(slots);
    oldLow.forEach((a, at) => {
      const b = oldHigh[at] ?? 0;
      if (a !== 0 || b !== 0) insert(a, b);
    });
  }

  return {
    add(key) {
      const [a, b] = hash(key);
      if (!insert(a, b)) return false;
      size += 1;
      if (size > slots * LOAD_MAX) grow();
      return true;
    },
    size: () => size,
    bytes: () => slots * SLOT_BYTES,
  };
}

/** The birthday bound over 64 bits. */
export const missProbability = (states: number): number => (states * states) / 2 ** 65;

/** Two 32-bit hashes with multiply-xor rounds (cyrb53's mixing), never both 0, which marks a free slot. */
function hash(key: string): [number, number] {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at);
    a = Math.imul(a ^ code, 2_654_435_761);
    b = Math.imul(b ^ code, 1_597_334_677);
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909);
  return [(a >>> 0) | 0 ? a >>> 0 : 1, b >>> 0];
}
