import { systemClock } from "../../shared/lib/clock.ts";

export interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
}

/** What is told while it happens, and kept for the report. */
export interface Progress {
  readonly steps: readonly Step[];
  readonly startedAtMs: number;
  say(line: string): void;
  /** Tells that a step begins, runs it, and tells how long it took. */
  step<T>(name: string, run: () => Promise<T>): Promise<T>;
}

export const inSeconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

/** As wide as `999.9 s`. */
const TIME_WIDTH = 7;

export function makeProgress(write: (text: string) => void): Progress {
  const steps: Step[] = [];
  const say = (line: string) => write(`${line}\n`);
  return {
    steps,
    startedAtMs: systemClock.monotonicMs(),
    say,
    async step(name, run) {
      const startedAtMs = systemClock.monotonicMs();
      say(`${"…".padEnd("FAILED".length)} ${"".padStart(TIME_WIDTH)}  ${name}`);
      const end = (ok: boolean) => {
        const ms = Math.round(systemClock.monotonicMs() - startedAtMs);
        steps.push({ name, ok, ms });
        say(`${ok ? "ok    " : "FAILED"} ${inSeconds(ms).padStart(TIME_WIDTH)}  ${name}`);
      };
      try {
        const result = await run();
        end(true);
        return result;
      } catch (error) {
        end(false);
        throw error;
      }
    },
  };
}
