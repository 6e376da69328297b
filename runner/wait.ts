import { setTimeout } from "node:timers/promises";

/** Waits, or returns early when the signal comes. */
export async function wait(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal === undefined) return setTimeout(ms);
  if (signal.aborted) return;
  await setTimeout(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** Resolves when the signal comes. */
export function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

/** A time a little beside the given one, so that many runners do not beat in step: 80 to 100 % of it. */
export function jittered(ms: number): number {
  return ms * (0.8 + 0.2 * Math.random());
}
