import type { Clock } from "../../../shared/lib/clock.ts";
import type { Dice } from "./dice.ts";

/** A process of the simulated world: a Lambda's invocation, a runner, a watchdog, a user, a server. */
export interface Actor {
  readonly name: string;
  readonly clock: ActorClock;
  readonly dice: Dice;
  /** What its `fetch` does; absent in most. */
  fetch: typeof fetch | undefined;
  alive: boolean;
  /** Events that have reached it. */
  events: number;
  /** It dies instead of receiving this one, counted from 1. */
  diesAt: number;
  /** While it is paused: what reaches it meanwhile, in order. */
  backlog: (() => void)[] | undefined;
  /** Told once, when it dies. */
  onDeath: (() => void)[];
}

/** A clock that is off by an offset and runs at a rate of its own, within bounds. */
export interface ActorClock extends Clock {
  /** True milliseconds that pass while this clock counts so many. */
  trueMs(ownMs: number): number;
  /** What the monotonic side shows at a true moment. */
  monotonicAt(trueMs: number): number;
}

/** How one clock differs from true time. */
export interface ClockError {
  readonly wallOffsetMs: number;
  readonly monotonicOffsetMs: number;
  /** Counted per true millisecond. */
  readonly rate: number;
}

export const EXACT: ClockError = { wallOffsetMs: 0, monotonicOffsetMs: 0, rate: 1 };

/** Where wall clocks stand when a world begins. */
export const WORLD_EPOCH_MS = Date.UTC(2026, 0, 1);

export function makeActorClock(trueNowMs: () => number, error: ClockError): ActorClock {
  const { wallOffsetMs, monotonicOffsetMs, rate } = error;
  const monotonicAt = (trueMs: number) => monotonicOffsetMs + rate * trueMs;
  return {
    nowMs: () => Math.floor(WORLD_EPOCH_MS + wallOffsetMs + rate * trueNowMs()),
    monotonicMs: () => monotonicAt(trueNowMs()),
    trueMs: (ownMs) => ownMs / rate,
    monotonicAt,
  };
}
