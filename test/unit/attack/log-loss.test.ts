import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeLossMeter, type Piece } from "../../attack/log-loss.ts";
import { exactly, joined, repeated } from "../../attack/output.ts";
import { parseWitness } from "../../attack/witness.ts";

/** The oracle of logs: a byte that is missing, doubled or altered must be counted. */

const written = joined(exactly("--- step 1/1: run\n"), repeated(Buffer.from("abc\n"), 1_000));
const whole = written.at(0, written.bytes);

const lost = (pieces: readonly Piece[], gaps: readonly { offset: number; bytes: number }[] = []) => {
  const meter = makeLossMeter(written);
  for (const piece of pieces) meter.add(piece);
  return meter.total(gaps);
};
const piece = (from: number, to: number, offset = from): Piece => ({ offset, bytes: whole.subarray(from, to) });

test("what is made again is what a repeated unit is", () => {
  expect(repeated(Buffer.from("ab"), 5).at(0, 99).toString()).toBe("ababa");
  expect(repeated(Buffer.from("abc"), 10).at(4, 3).toString()).toBe("bca");
  expect(joined(exactly("12"), exactly("345")).at(1, 3).toString()).toBe("234");
  expect(joined(exactly("12"), exactly("345")).bytes).toBe(5);
});

test("a log in any pieces, with the runner's last line behind it, has lost nothing", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: whole.length - 1 })), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
      const pieces = places.slice(1).map((to, at) => piece(places[at] ?? 0, to));
      expect(lost([...pieces, { offset: whole.length, bytes: Buffer.from("--- step 1/1: run: ok\n") }])).toBe(0);
    }),
  );
});

describe("planted:", () => {
  test("one missing byte", () => {
    expect(lost([piece(0, 500), piece(501, whole.length)])).toBe(1);
    expect(lost([piece(1, whole.length)])).toBe(1);
    expect(lost([piece(0, whole.length - 1)])).toBe(1);
  });

  test("no log at all", () => {
    expect(lost([])).toBe(written.bytes);
  });

  test("one altered byte", () => {
    const altered = Buffer.from(whole);
    altered[77] = 0;
    expect(lost([{ offset: 0, bytes: altered }])).toBe(1);
  });

  test("a byte that came twice, and moved the rest", () => {
    const doubled = Buffer.concat([whole.subarray(0, 100), whole.subarray(99)]);
    expect(lost([{ offset: 0, bytes: doubled }])).toBeGreaterThan(100);
  });

  test("a recorded gap is no loss, but only where it is recorded", () => {
    const pieces = [piece(0, 100), piece(200, whole.length)];
    expect(lost(pieces, [{ offset: 100, bytes: 100 }])).toBe(0);
    expect(lost(pieces, [{ offset: 100, bytes: 60 }])).toBe(40);
    expect(lost(pieces, [{ offset: 300, bytes: 100 }])).toBe(100);
  });
});

test("a witness's line that is cut or made up is refused, not skipped", () => {
  expect(parseWitness("r j 1 n start 5\n")).toEqual([
    { run: "r", job: "j", fence: 1, nonce: "n", sign: "start", atMs: 5 },
  ]);
  expect(() => parseWitness("r j 1 n st\n")).toThrow();
  expect(() => parseWitness("r j one n start 5\n")).toThrow();
});
