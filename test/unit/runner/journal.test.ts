import { expect, test } from "vitest";
import { describeMs } from "../../../runner/journal.ts";

test.each([
  [0, "<0.1 s"],
  [60, "0.1 s"],
  [1_240, "1.2 s"],
  [12_000, "12 s"],
  [59_960, "1 min"],
  [185_000, "3 min 5 s"],
  [600_000, "10 min"],
])("%d ms reads %s", (ms, text) => expect(describeMs(ms)).toBe(text));
