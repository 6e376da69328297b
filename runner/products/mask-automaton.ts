/**
 * Finds many byte strings in one pass over a stream (Aho and Corasick, "Efficient string matching", CACM 1975).
 * Linear in the input whatever the patterns are; its state is all that a split between two writes needs.
 */

export interface Automaton {
  /** 1 where two bytes (first << 8 | second) begin a pattern: almost all of a log is skipped by this table alone. */
  readonly pairs: Uint8Array;
  /** Child of the root by byte, 0 where none. */
  readonly root: Int32Array;
  /** Children of the others: an open hash table from node << 8 | byte, at most half full. */
  readonly keys: Int32Array;
  readonly children: Int32Array;
  readonly parent: Int32Array;
  readonly label: Uint8Array;
  readonly fail: Int32Array;
  /** Of each state: how many of the last bytes may still become a pattern. */
  readonly depth: Int32Array;
  /** Of each state: the length of the longest pattern that ends here, 0 where none. */
  readonly match: Int32Array;
}

/** Builds the automaton. Every pattern must have at least two bytes, all together fewer than 2^24. */
export function makeAutomaton(patterns: readonly Buffer[]): Automaton {
  const size = patterns.reduce((sum, pattern) => sum + pattern.length, 1);
  const slots = 2 ** Math.ceil(Math.log2(size * 2));
  const automaton: Automaton = {
    pairs: new Uint8Array(65_536),
    root: new Int32Array(256),
    keys: new Int32Array(slots),
    children: new Int32Array(slots),
    parent: new Int32Array(size),
    label: new Uint8Array(size),
    fail: new Int32Array(size),
    depth: new Int32Array(size),
    match: new Int32Array(size),
  };
  let nodes = 1;
  for (const pattern of patterns) nodes = addPattern(automaton, pattern, nodes);
  linkFailures(automaton, nodes);
  return automaton;
}

/** Reads `data` from `from` on, starting in `state`; tells each match as the range [start, end) of `data`. Returns the new state. */
export function scan(
  automaton: Automaton,
  state: number,
  data: Buffer,
  from: number,
  found: (start: number, end: number) => void,
): number {
  const { pairs, fail, match, root } = automaton;
  const end = data.length;
  let node = state;
  let at = from;
  while (at < end) {
    if (node === 0) {
      at = skip(pairs, data, at);
      node = root[data[at] ?? 0] ?? 0;
    } else {
      const byte = data[at] ?? 0;
      let next = childOf(automaton, node, byte);
      while (next === 0 && node !== 0) {
        node = fail[node] ?? 0;
        next = childOf(automaton, node, byte);
      }
      node = next;
    }
    at += 1;
    const length = match[node] ?? 0;
    if (length > 0) found(at - length, at);
  }
  return node;
}

/** The next place where a pattern may begin, or the last byte: what follows that one is not known yet. */
function skip(pairs: Uint8Array, data: Buffer, from: number): number {
  const last = data.length - 1;
  let at = from;
  let byte = data[at] ?? 0;
  while (at < last) {
    const next = data[at + 1] ?? 0;
    if (pairs[(byte << 8) | next] !== 0) return at;
    byte = next;
    at += 1;
  }
  return at;
}

function childOf(automaton: Automaton, node: number, byte: number): number {
  if (node === 0) return automaton.root[byte] ?? 0;
  return automaton.children[slotOf(automaton.keys, (node << 8) | byte)] ?? 0;
}

/** Where the key stands, or the free place where it would. No key is 0, since the root has a table of its own. */
function slotOf(keys: Int32Array, key: number): number {
  const last = keys.length - 1;
  // Multiplicative hashing (Knuth, TAOCP 3, 6.4); linear probing.
  let slot = (Math.imul(key, 0x9e3779b1) >>> 7) & last;
  while (keys[slot] !== 0 && keys[slot] !== key) slot = (slot + 1) & last;
  return slot;
}

function addPattern(automaton: Automaton, pattern: Buffer, nodes: number): number {
  let node = 0;
  let count = nodes;
  automaton.pairs[((pattern[0] ?? 0) << 8) | (pattern[1] ?? 0)] = 1;
  for (const byte of pattern) {
    let child = childOf(automaton, node, byte);
    if (child === 0) {
      child = count;
      count += 1;
      automaton.parent[child] = node;
      automaton.label[child] = byte;
      automaton.depth[child] = (automaton.depth[node] ?? 0) + 1;
      addChild(automaton, node, byte, child);
    }
    node = child;
  }
  automaton.match[node] = pattern.length;
  return count;
}

function addChild(automaton: Automaton, node: number, byte: number, child: number): void {
  if (node === 0) {
    automaton.root[byte] = child;
    return;
  }
  const key = (node << 8) | byte;
  const slot = slotOf(automaton.keys, key);
  automaton.keys[slot] = key;
  automaton.children[slot] = child;
}

/** Shallow nodes first, so that a failure link always leads to a state that is ready. */
function linkFailures(automaton: Automaton, nodes: number): void {
  const { fail, match, parent, label } = automaton;
  for (const node of byDepth(automaton.depth, nodes)) {
    const from = parent[node] ?? 0;
    if (from === 0) continue;
    const target = followFailures(automaton, from, label[node] ?? 0);
    fail[node] = target;
    if (match[node] === 0) match[node] = match[target] ?? 0;
  }
}

/** All nodes but the root, sorted by counting: patterns may be long, and many. */
function byDepth(depth: Int32Array, nodes: number): Int32Array {
  let deepest = 0;
  for (let node = 1; node < nodes; node += 1) deepest = Math.max(deepest, depth[node] ?? 0);
  const starts = new Int32Array(deepest + 2);
  for (let node = 1; node < nodes; node += 1)
    starts[(depth[node] ?? 0) + 1] = (starts[(depth[node] ?? 0) + 1] ?? 0) + 1;
  for (let at = 1; at < starts.length; at += 1) starts[at] = (starts[at] ?? 0) + (starts[at - 1] ?? 0);
  const sorted = new Int32Array(nodes - 1);
  for (let node = 1; node < nodes; node += 1) {
    const at = starts[depth[node] ?? 0] ?? 0;
    sorted[at] = node;
    starts[depth[node] ?? 0] = at + 1;
  }
  return sorted;
}

function followFailures(automaton: Automaton, parent: number, byte: number): number {
  let node = automaton.fail[parent] ?? 0;
  let next = childOf(automaton, node, byte);
  while (next === 0 && node !== 0) {
    node = automaton.fail[node] ?? 0;
    next = childOf(automaton, node, byte);
  }
  return next;
}
