import { type ClockError, EXACT } from "../engine/actor.ts";
import { wholeOf } from "../engine/dice.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";

/** How an invocation ended: its answer, what it threw, or nothing that anybody heard. */
export type Invoked<T> =
  | { readonly kind: "answered"; readonly value: T }
  | { readonly kind: "threw"; readonly error: unknown }
  | { readonly kind: "died" };

/** Invokes functions, each time as a process of its own: with its own clock, killed at its timeout or at any moment. */
export type Invoke = <T>(
  name: string,
  timeoutMs: number,
  call: () => Promise<T>,
  ended: (how: Invoked<T>) => void,
) => void;

/** Servers' clocks agree within this (Amazon Time Sync is far better): what every lease's margin must hold against. */
export const SERVER_SKEW_MS = 200;
const EVENTS_TO_DIE_AT_MAX = 24;

export function makeInvoke(sim: Simulation, faults: Faults): Invoke {
  return <T>(base: string, timeoutMs: number, call: () => Promise<T>, ended: (how: Invoked<T>) => void) => {
    const name = sim.numbered(base);
    const dice = sim.dice(`invocation ${name}`);
    const clock: ClockError = { ...EXACT, wallOffsetMs: wholeOf(dice, 0, SERVER_SKEW_MS) };
    const actor = sim.spawn(name, clock);
    if (faults.strikes("lambda is killed", name)) actor.diesAt = wholeOf(dice, 1, EVENTS_TO_DIE_AT_MAX);
    let over = false;
    const end = (how: Invoked<T>) => {
      if (over) return;
      over = true;
      timeout.canceled = true;
      // Nothing runs on after the answer: the process is frozen until its next invocation, and there is none.
      actor.alive = false;
      ended(how);
    };
    const timeout = sim.world(timeoutMs, `${name} times out`, () => sim.kill(actor, "its time is up"));
    actor.onDeath.push(() => end({ kind: "died" }));
    sim.act(actor, () => {
      call().then(
        (value) => end({ kind: "answered", value }),
        (error: unknown) => end({ kind: "threw", error }),
      );
    });
  };
}
