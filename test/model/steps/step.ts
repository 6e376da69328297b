import type { Group, State } from "../state.ts";
import type { Context } from "../world.ts";

/** Takes one possible next state, with the sentence that says what happened. */
export type Emit = (next: State, say: () => string) => void;

/** One actor's possible steps in a state. */
export type Steps = (context: Context, state: State, emit: Emit) => void;

/** The state with one run's group replaced. */
export function withGroup(state: State, at: number, group: Group): State {
  return { ...state, groups: state.groups.map((one, index) => (index === at ? group : one)) };
}

/**
 * The clock readings that a handler which writes now may have made: it reads its clock, and writes at any later time.
 * Newest first, back to `fromMs` or as far as the world lets a handler dawdle.
 */
export function readings(context: Context, state: State, fromMs: number): number[] {
  const { unitMs, staleMs } = context.world;
  const all = [state.nowMs];
  if (unitMs === undefined) return all;
  for (let atMs = state.nowMs - unitMs; atMs >= Math.max(fromMs, state.nowMs - staleMs); atMs -= unitMs) all.push(atMs);
  return all;
}
