import type { Output } from "./output.ts";

/** A piece of a log as it was downloaded and unpacked; its digest has been compared already. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

export interface Gap {
  readonly offset: number;
  readonly bytes: number;
}

/** Compares a log with what was written, piece by piece: it may be larger than memory. */
export interface LossMeter {
  add(piece: Piece): void;
  /** Bytes that stand at a place where something else was written. */
  readonly differing: number;
  /** Bytes of what was written that are neither in the log as they were, nor in a recorded gap. */
  total(gaps: readonly Gap[]): number;
}

export function makeLossMeter(written: Output): LossMeter {
  const covered: { readonly from: number; readonly to: number }[] = [];
  let differing = 0;
  return {
    add({ offset, bytes }) {
      // What follows, the runner's own last line, is nobody's loss.
      const expected = written.at(offset, bytes.length);
      differing += differences(bytes.subarray(0, expected.length), expected);
      covered.push({ from: offset, to: offset + bytes.length });
    },
    get differing() {
      return differing;
    },
    total(gaps) {
      const recorded = gaps.map(({ offset, bytes }) => ({ from: offset, to: offset + bytes }));
      return differing + uncovered([...covered, ...recorded], written.bytes);
    },
  };
}

function differences(found: Buffer, expected: Buffer): number {
  if (found.equals(expected)) return 0;
  let count = 0;
  for (let at = 0; at < expected.length; at += 1) if (found[at] !== expected[at]) count += 1;
  return count;
}

function uncovered(covered: readonly { readonly from: number; readonly to: number }[], end: number): number {
  let [reached, missing] = [0, 0];
  for (const { from, to } of covered.toSorted((a, b) => a.from - b.from)) {
    if (from > reached) missing += Math.min(from, end) - Math.min(reached, end);
    reached = Math.max(reached, to);
  }
  return missing + Math.max(0, end - reached);
}
