import { expect, test } from "vitest";
import { DATA_MEMBERS_MAX, DATA_TEXT_LENGTH_MAX } from "../../../shared/domain/limits.ts";
import { boundData, boundError } from "../../../shared/lib/bound-data.ts";
import { shorten } from "../../../shared/lib/cut.ts";

test("case A12: a text is cut between characters, and the rest of it counted", () => {
  expect(shorten("abc", 3)).toBe("abc");
  expect(shorten("x".repeat(41_206), 3)).toBe("xxx… and 41,203 more characters");
  const smiles = shorten("😀".repeat(10), 3);
  expect(smiles).toBe("😀… and 18 more characters");
  expect(smiles.isWellFormed()).toBe(true);
});

test("case A12: data is bounded in its texts, keys, members and depth, and small data is as it was", () => {
  const small = { a: [1, "x", null, true], at: new Date(0) };
  expect(boundData(small)).toEqual(small);
  const long = "k".repeat(900_000);
  const deep = Array.from({ length: 1_000 }).reduce<unknown>((inner) => [inner], "x");
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${at}`, at]));
  const bounded = boundData({ long, [long]: 1, list: Array.from({ length: 100_000 }, () => long), deep, wide });
  expect(JSON.stringify(bounded).length).toBeLessThan(2 * DATA_MEMBERS_MAX * DATA_TEXT_LENGTH_MAX);
  expect((bounded as { list: unknown[] }).list.at(-1)).toBe(
    `… and ${(100_000 - DATA_MEMBERS_MAX).toLocaleString("en-US")} more`,
  );
});

test("case A12: so is an error, with its causes", () => {
  const short = new Error("short");
  expect(boundError(short)).toBe(short);
  const bounded = boundError(new TypeError("x".repeat(900_000), { cause: new Error("y".repeat(900_000)) }));
  expect(bounded).toMatchObject({ name: "TypeError", message: expect.stringMatching(/ more characters$/) });
  expect(`${bounded.stack}${(bounded.cause as Error).stack}`.length).toBeLessThan(3 * DATA_TEXT_LENGTH_MAX);
});
