import type { State } from "../state.ts";
import type { Context } from "../world.ts";
import type { Emit } from "./step.ts";

/** Time passes for all, but never past the moment by which a watchdog has killed what runs. */
export function time(context: Context, state: State, emit: Emit): void {
  const { unitMs } = context.world;
  if (unitMs === undefined) return;
  const nowMs = state.nowMs + unitMs;
  const runsOn = state.groups.some(({ attempts }) =>
    attempts.some(({ processes, fencedByMs }) => processes === "running" && fencedByMs < nowMs),
  );
  if (!runsOn) emit({ ...state, nowMs }, () => `${unitMs / 1_000} s pass`);
}
