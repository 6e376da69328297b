import type { Clock } from "../shared/lib/clock.ts";
import type { AttemptEnd, Emit } from "./events.ts";
import { wait } from "./wait.ts";

/** The first pause after a host broke an attempt, and the longest. Each time is half to all of it, by chance. */
const FIRST_MS = 5_000;
const MAX_MS = 5 * 60_000;
const JITTER_SHARE = 0.5;

/** The ends for which a host's workspace worked, whatever became of the job. */
const WORKED: ReadonlySet<AttemptEnd> = new Set(["succeeded", "failed", "timed_out", "stopped"]);

/**
 * A host whose disk is full breaks every attempt in a moment, and its job is offered again at once: alone in its pool it
 * would spend a job's loss budget in seconds. So it claims ever more seldom, until an attempt works again.
 */
export interface ClaimBackoff {
  ended(end: AttemptEnd): void;
  /** Whether an offer should be put back for others. */
  isOn(): boolean;
  /** Waits until it is over, or for the signal. */
  over(signal: AbortSignal): Promise<void>;
}

export function makeClaimBackoff(deps: { readonly clock: Clock; readonly emit: Emit }): ClaimBackoff {
  const { clock, emit } = deps;
  let failures = 0;
  let untilMs = Number.NEGATIVE_INFINITY;
  const restMs = () => untilMs - clock.monotonicMs();
  return {
    ended(end) {
      if (WORKED.has(end)) failures = 0;
      // What broke beside the first, in other slots, broke of the same cause.
      if (end !== "broken" || restMs() > 0) return;
      failures += 1;
      const ms = backoffAfter(failures, Math.random());
      untilMs = clock.monotonicMs() + ms;
      emit({ type: "backing_off", failures, ms });
    },
    isOn: () => restMs() > 0,
    async over(signal) {
      while (restMs() > 0 && !signal.aborted) await wait(restMs(), signal);
    },
  };
}

/** The pause after so many failures in a row. `chance`: 0 to 1. */
export function backoffAfter(failures: number, chance: number): number {
  const most = Math.min(MAX_MS, FIRST_MS * 2 ** (failures - 1));
  return Math.ceil(most * (1 - JITTER_SHARE * chance));
}
