import type { Simulation } from "../engine/simulation.ts";

/** How the caller of one request hears, after a while, what came of it. */
export interface Ear<T> {
  answer(delayMs: number, value: T): void;
  fail(delayMs: number, error: Error): void;
}

/**
 * Sends a request of the current actor over the simulated net. The promise settles when its ear is told, or when the signal
 * makes the caller give up; where neither comes, never: so is a silent network.
 */
export function awaitAnswer<T>(
  sim: Simulation,
  name: string,
  signal: AbortSignal,
  send: (ear: Ear<T>) => void,
): Promise<T> {
  const caller = sim.current();
  return new Promise((resolve, reject) => {
    const gaveUp = () => reject(signal.reason);
    if (signal.aborted) return gaveUp();
    signal.addEventListener("abort", gaveUp, { once: true });
    const hear = (delayMs: number, settle: () => void) =>
      void sim.at(caller, delayMs, `answer to ${name}`, () => {
        signal.removeEventListener("abort", gaveUp);
        settle();
      });
    send({
      answer: (delayMs, value) => hear(delayMs, () => resolve(value)),
      fail: (delayMs, error) => hear(delayMs, () => reject(error)),
    });
  });
}
