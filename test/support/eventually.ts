import { setTimeout as wait } from "node:timers/promises";
import { systemClock } from "../../shared/lib/clock.ts";

const LOOK_MS = 5;
const PATIENCE_MS = 60_000;

/** Waits until the condition gives something, and gives it back. Throws, naming what was waited for, after a bound. */
export async function eventually<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = PATIENCE_MS,
  lookMs = LOOK_MS,
): Promise<T> {
  const untilMs = systemClock.monotonicMs() + withinMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    if (systemClock.monotonicMs() > untilMs) throw new Error(`did not happen within ${withinMs} ms: ${what}`);
    await wait(lookMs);
  }
}
