import { TICK_MIN_MS } from "../../../shared/domain/limits.ts";
import { isRunEnded } from "../../../shared/domain/verdict.ts";
import { waitsForApproval } from "../../../shared/usecases/births.ts";
import type { Group, State, Ticks } from "../state.ts";
import { holdsOr } from "../violation.ts";
import type { Context } from "../world.ts";
import { writeRun } from "../write.ts";
import { type Emit, withGroup } from "./step.ts";

/**
 * The chain of ticks (shared/usecases/reconcile-run.ts, passOn; sweep-runs.ts). Every tick that was ever sent may come
 * at any time and again, from the queue or from sweep, whose index may be behind.
 */
export function ticks(context: Context, state: State, emit: Emit): void {
  const [group] = state.groups;
  const flight = state.ticks;
  if (group === undefined || flight === undefined || isRunEnded(group.run.state)) return;
  for (const seq of flight.sent) pass(context, state, { group, flight, seq }, emit);
  for (const seq of flight.owed)
    emit(
      { ...state, ticks: { ...flight, owed: without(flight.owed, seq), sent: added(flight.sent, seq) } },
      () => `the reconcile that passed the chain on sends tick ${seq}`,
    );
  const swept = { ...flight, sent: added(flight.sent, group.run.tickSeq) };
  emit({ ...state, ticks: swept }, () => `sweep finds the run late and sends tick ${group.run.tickSeq}`);
}

interface Passing {
  readonly group: Group;
  readonly flight: Ticks;
  readonly seq: number;
}

function pass(context: Context, state: State, passing: Passing, emit: Emit): void {
  const { group, flight, seq } = passing;
  const { nowMs } = state;
  if (context.world.fork) park(context, state, passing, emit);
  if (group.run.state === "live" && waitsForApproval(group.run)) return;
  const args = { nowMs, seq, wakeAtMs: nowMs + TICK_MIN_MS };
  const next = writeRun(context, group, { move: "tick", args });
  if (next === undefined && context.rules.loserSendsNoTick) return;
  const passed = [...flight.passed, seq];
  holdsOr(
    20,
    passed.filter((one) => one === seq).length === 1,
    () => `tick ${seq} was passed on twice: two chains run from here`,
  );
  const run = next ?? group;
  const owed = { ...flight, passed, owed: added(flight.owed, run.run.tickSeq) };
  emit({ ...withGroup(state, 0, run), ticks: owed }, () => `a reconcile with tick ${seq} passes the chain on`);
}

/** By a reconcile that has seen the run before its approval, now or long ago. It sends no tick. */
function park(context: Context, state: State, { group, flight, seq }: Passing, emit: Emit): void {
  const args = { nowMs: state.nowMs, seq, wakeAtMs: group.run.hardDeadlineMs };
  const next = writeRun(context, group, { move: "park", args });
  if (next === undefined) return;
  const parked = { ...flight, passed: [...flight.passed, seq] };
  emit({ ...withGroup(state, 0, next), ticks: parked }, () => `a reconcile with tick ${seq} parks the run`);
}

const without = (seqs: readonly number[], seq: number) => seqs.filter((one) => one !== seq);
const added = (seqs: readonly number[], seq: number) => [...without(seqs, seq), seq].toSorted((a, b) => a - b);
