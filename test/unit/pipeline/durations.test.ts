import fc from "fast-check";
import { expect, test } from "vitest";
import { cronMistake } from "../../../shared/pipeline/cron.ts";
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

test.each(["* * * * *", "0 4 * * *", "*/5 0-6,22 1 jan-mar mon", "30 4 1,15 * 0-7", "0-59/10 * * * *"])(
  "%j is a cron expression",
  (text) => {
    expect(cronMistake(text)).toBeUndefined();
  },
);

test.each([
  ["60 * * * *", "minute"],
  ["* 24 * * *", "hour"],
  ["* * 0 * *", "day of month"],
  ["* * * 13 *", "month"],
  ["* * * * 8", "day of week"],
  ["* * * * monday", "day of week"],
  ["5-1 * * * *", "minute"],
  ["*/0 * * * *", "minute"],
  ["5/2 * * * *", "minute"],
  ["1,,2 * * * *", "minute"],
  ["*-5 * * * *", "minute"],
  ["* * * * * *", "five fields"],
  ["@daily", "five fields"],
])("%j is refused for its %s", (text, field) => {
  expect(cronMistake(text)).toContain(field);
});
