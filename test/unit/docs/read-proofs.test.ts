import { expect, test } from "vitest";
import { proofsIn } from "../../../docs/read-proofs.ts";

const TEXT = `
// "SECURITY 1: a comment is no proof"
/** "SECURITY 2: nor is this" */
test("SECURITY 3: a title at its head", () => {});
test("a title at its end (SECURITY 4)", () => {});
  title: "SECURITY 5 and 6: two at once, as data",
test.each(all)('SECURITY 7: an apostrophe\\'s end', () => {});
describe("SECURITY 8: a group", () => {
  test("holds this", () => {
    expect("SECURITY of nothing").toBe(1);
  });

  test.each(all)("and that", () => {});
});
test("outside of the group", () => {});
test("SECURITY 9–11, 13: a range", () => {});
`;

test("proofs are found in titles, and in the tests of a group", () => {
  const found = proofsIn("a.test.ts", TEXT).map(({ number, title }) => `${number} ${title}`);
  expect(found).toEqual([
    "3 a title at its head",
    "4 a title at its end",
    "5 two at once, as data",
    "6 two at once, as data",
    "7 an apostrophe\\'s end",
    "8 a group: holds this",
    "8 a group: and that",
    ...[9, 10, 11, 13].map((number) => `${number} a range`),
  ]);
});
