import { expect, test } from "vitest";
import { REPORT_BACKOFF_MS, REPORT_TRIES_MAX } from "../../../shared/domain/limits.ts";
import { delayAfter } from "../../../shared/usecases/drive-outbox.ts";
import { HOUR_MS } from "../../support/times.ts";

const totalMs = (retryAfterMs: number | undefined) =>
  Array.from({ length: REPORT_TRIES_MAX }, (_, tries) => delayAfter({ retryAfterMs }, tries)).reduce((a, b) => a + b);

test("a wait that is asked for is kept at first, to the millisecond above", () => {
  expect([delayAfter({ retryAfterMs: 0 }, 0), delayAfter({ retryAfterMs: 120_000.2 }, 3)]).toEqual([0, 120_001]);
  expect(delayAfter({ retryAfterMs: undefined }, 0)).toBeGreaterThanOrEqual(REPORT_BACKOFF_MS);
});

test("case C5: a name that is busy, or a limit of a minute, for ever spends its tries no sooner than a forge that fails", () => {
  for (const retryAfterMs of [0, 2_000, 60_000]) expect(totalMs(retryAfterMs)).toBeGreaterThan(10 * HOUR_MS);
  expect(delayAfter({ retryAfterMs: HOUR_MS }, 200)).toBeGreaterThanOrEqual(HOUR_MS);
});
