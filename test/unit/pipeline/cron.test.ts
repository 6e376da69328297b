import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cronMistake, latestDue, nextDueMs } from "../../../shared/pipeline/cron.ts";
import { HOUR_MS, MINUTE_MS } from "../../support/times.ts";

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
  // Words of croner that are no cron of POSIX.
  ["* * L * *", "day of month"],
  ["* * 1W * *", "day of month"],
  ["* * ? * *", "day of month"],
  ["* * * * 1#2", "day of week"],
  ["* * * * 5L", "day of week"],
  ["* * * * +1", "day of week"],
  ["0 0 31 2,4 *", "never comes"],
])("%j is refused for its %s", (text, field) => {
  expect(cronMistake(text)).toContain(field);
});

/** What croner should say, by looking at every minute: POSIX, where two restricted day fields mean either. */
interface Sets {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[] | undefined;
  readonly months: readonly number[] | undefined;
  readonly weekdays: readonly number[] | undefined;
}

function isDue(sets: Sets, atMs: number): boolean {
  const at = new Date(atMs);
  const day = sets.days?.includes(at.getUTCDate());
  const weekday = sets.weekdays?.includes(at.getUTCDay());
  const either = day === undefined || weekday === undefined ? (day ?? weekday ?? true) : day || weekday;
  const month = sets.months?.includes(at.getUTCMonth() + 1) ?? true;
  return sets.minutes.includes(at.getUTCMinutes()) && sets.hours.includes(at.getUTCHours()) && month && either;
}

const some = (min: number, max: number) => fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 3 });
const sets: fc.Arbitrary<Sets> = fc.record({
  minutes: some(0, 59),
  hours: some(0, 23),
  days: fc.option(some(1, 28), { nil: undefined }),
  months: fc.option(some(1, 12), { nil: undefined }),
  weekdays: fc.option(some(0, 6), { nil: undefined }),
});
const printed = ({ minutes, hours, days, months, weekdays }: Sets) =>
  [minutes, hours, days, months, weekdays].map((field) => field?.join(",") ?? "*").join(" ");
/** Around the ends of months and years, a leap day, and the hours that Europe skips and has twice. */
const moment = fc
  .tuple(
    fc.constantFrom(Date.UTC(2026, 11, 31), Date.UTC(2028, 1, 28), Date.UTC(2026, 2, 28), Date.UTC(2026, 9, 24)),
    fc.integer({ min: 0, max: 72 * HOUR_MS }),
  )
  .map(([dayMs, ms]) => dayMs + ms);

describe("due times", () => {
  test("are those that a look at every minute finds", () => {
    fc.assert(
      fc.property(sets, moment, (all, afterMs) => {
        const foundMs = nextDueMs(printed(all), afterMs);
        const firstMinuteMs = Math.floor(afterMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
        const horizonMs = Math.min(foundMs ?? Number.POSITIVE_INFINITY, firstMinuteMs + 40 * 24 * HOUR_MS);
        for (let atMs = firstMinuteMs; atMs < horizonMs; atMs += MINUTE_MS)
          if (isDue(all, atMs)) expect.fail(`${printed(all)} is due at ${new Date(atMs).toISOString()}`);
        if (foundMs !== undefined) expect(isDue(all, foundMs)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("that were missed are counted, and the latest is found", () => {
    const cron = fc.constantFrom("* * * * *", "*/7 * * * *", "30 4 * * mon-fri", "0 0 29 2 *", "15,45 */5 1-7 * 2");
    fc.assert(
      fc.property(cron, moment, fc.integer({ min: 0, max: 30 * 24 * HOUR_MS }), (text, fromMs, forMs) => {
        const firstMs = nextDueMs(text, fromMs) ?? 0;
        const nowMs = firstMs + forMs;
        const between: number[] = [];
        for (let atMs: number | undefined = firstMs; atMs !== undefined && atMs <= nowMs; atMs = nextDueMs(text, atMs))
          between.push(atMs);
        const skipped = Math.min(between.length - 1, 10_000);
        expect(latestDue(text, firstMs, nowMs)).toEqual({ dueAtMs: between.at(-1), skipped });
      }),
      { numRuns: 60 },
    );
  });

  test("never lie before the one that is asked about, whatever the clock says", () => {
    const firstMs = Date.UTC(2026, 0, 1, 12);
    expect(latestDue("0 * * * *", firstMs, firstMs - HOUR_MS)).toEqual({ dueAtMs: firstMs, skipped: 0 });
    expect(latestDue("0 * * * *", firstMs, firstMs)).toEqual({ dueAtMs: firstMs, skipped: 0 });
  });
});
