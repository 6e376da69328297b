import type { Clock } from "../../shared/lib/clock.ts";
import { heededSignals } from "../../shared/lib/ignored-signals.ts";
import type { StopSignal } from "../exit-codes.ts";

/** Two signals closer than this are one: a terminal signals both us and a launcher that hands its own on. */
const SAME_MS = 200;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Calls `first` for the first signal and `again` for each later one, until the returned function is called. Without
 * it the process would end at once and leave its children behind. What it was started to ignore stays ignored.
 */
export function onStopSignals(
  clock: Clock,
  first: (signal: StopSignal) => void,
  again: (signal: StopSignal) => void,
): () => void {
  let lastMs: number | undefined;
  const listener = (signal: NodeJS.Signals) => {
    const nowMs = clock.monotonicMs();
    const same = lastMs !== undefined && nowMs - lastMs < SAME_MS;
    const isFirst = lastMs === undefined;
    if (!same) lastMs = nowMs;
    if (same) return;
    if (isFirst) first(signal as StopSignal);
    else again(signal as StopSignal);
  };
  const signals = heededSignals(SIGNALS);
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
