import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../../shared/lib/clock.ts";
import { backoffMs, type RetryPolicy } from "../../shared/lib/retry.ts";
import type { SpawnedRunner } from "./spawn-runner.ts";

/** A runner that dies is started again, later each time; one that never lasts is given up. */
const RESTART_PAUSE: Omit<RetryPolicy, "triesMax"> = { baseMs: 500, capMs: 30_000 };
/** The runner says that it cannot work with what it was told: another would not either. */
const UNUSABLE_CODE = 2;
/** A runner that lived so long counts as well again. */
const WELL_AFTER_MS = 60_000;

export interface KeptRunner {
  /** Settles with why, when the runner is given up; never while it is kept or after a stop. */
  readonly givenUp: Promise<string>;
  nudge(): void;
  stop(graceMs: number): Promise<void>;
  kill(): void;
}

/** Keeps a runner process alive until it is stopped. `onRestart` is told how the last one ended. */
export function keepRunner(options: {
  readonly spawn: () => SpawnedRunner;
  readonly clock: Clock;
  readonly restartsMax: number;
  readonly onRestart: (how: string) => void;
}): KeptRunner {
  const restarts: RetryPolicy = { ...RESTART_PAUSE, triesMax: options.restartsMax };
  const stopping = new AbortController();
  let current = options.spawn();
  const supervise = async (): Promise<string> => {
    let failures = 0;
    for (;;) {
      const startedMs = options.clock.monotonicMs();
      const { code, signal } = await current.exited;
      if (stopping.signal.aborted) return forever();
      failures = options.clock.monotonicMs() - startedMs > WELL_AFTER_MS ? 1 : failures + 1;
      const how = signal === null ? `ended with code ${code ?? "?"}` : `was killed by ${signal}`;
      if (code === UNUSABLE_CODE) return `the runner ${how}`;
      if (failures > restarts.triesMax) return `the runner ${how}, ${failures} times in a row`;
      options.onRestart(how);
      await wait(backoffMs(restarts, failures), undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return forever();
      current = options.spawn();
    }
  };
  return {
    givenUp: supervise(),
    nudge: () => current.nudge(),
    stop(graceMs) {
      stopping.abort();
      return current.stop(graceMs);
    },
    kill() {
      stopping.abort();
      current.kill();
    },
  };
}

/** After a stop nobody is told anything. */
function forever(): Promise<never> {
  return new Promise(() => undefined);
}
