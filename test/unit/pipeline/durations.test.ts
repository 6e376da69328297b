import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDuration, printDuration } from "../../../shared/pipeline/duration.ts";

test.each([
  ["90s", 90_000],
  ["10m", 600_000],
  ["1h30m", 5_400_000],
  ["1h0m1s", 3_601_000],
  ["24h", 86_400_000],
])("the duration %s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "90", "1.5h", "-1s", "1s1m", "10 m", "1d", "1H", "s", "1h ", "500ms", "9999999s"])(
  "%j is no duration",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test("a printed duration is read back as itself", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999 }), (seconds) => {
      expect(parseDuration(printDuration(seconds * 1_000))).toBe(seconds * 1_000);
    }),
  );
});
