/**
 * Finds many byte strings in one pass over a stream (Aho and Corasick, "Efficient string matching", CACM 1975).
 * Linear in the input whatever the patterns are; its state is all that a split between two writes needs.
 */

export interface Automaton {
  /** 1 where two bytes (first << 8 | second) begin a pattern: almost all of a log is skipped by this table alone. */
  readonly pairs: Uint8Array;
  /** Child of the root by byte, 0 where none. */
  readonly root: Int32Array;
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
  readonly label: Uint8Array;
  readonly fail: Int32Array;
  /** Of each state: how many of the last bytes may still become a pattern. */
  readonly depth: Int32Array;
  /** Of each state: the length of the longest pattern that ends here, 0 where none. */
  readonly match: Int32Array;
}

/** Builds the automaton. Every pattern must have at least two bytes. */
export function makeAutomaton(patterns: readonly Buffer[]): Automaton {
  const size = patterns.reduce((sum, pattern) => sum + pattern.length, 1);
  const automaton: Automaton = {
    pairs: new Uint8Array(65_536),
    root: new Int32Array(256),
    firstChild: new Int32Array(size),
    nextSibling: new Int32Array(size),
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
  let child = automaton.firstChild[node] ?? 0;
  while (child !== 0 && automaton.label[child] !== byte) child = automaton.nextSibling[child] ?? 0;
  return child;
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
      automaton.label[child] = byte;
      automaton.depth[child] = (automaton.depth[node] ?? 0) + 1;
      automaton.nextSibling[child] = automaton.firstChild[node] ?? 0;
      automaton.firstChild[node] = child;
      if (node === 0) automaton.root[byte] = child;
    }
    node = child;
  }
  automaton.match[node] = pattern.length;
  return count;
}

/** Breadth first, so that a failure link always leads to a state that is ready. */
function linkFailures(automaton: Automaton, nodes: number): void {
  const { fail, match, firstChild, nextSibling, label } = automaton;
  const queue = new Int32Array(nodes);
  let length = 1;
  for (let head = 0; head < length; head += 1) {
    const node = queue[head] ?? 0;
    for (let child = firstChild[node] ?? 0; child !== 0; child = nextSibling[child] ?? 0) {
      if (node !== 0) {
        const target = followFailures(automaton, node, label[child] ?? 0);
        fail[child] = target;
        if (match[child] === 0) match[child] = match[target] ?? 0;
      }
      queue[length] = child;
      length += 1;
    }
  }
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
