import { firstState } from "./birth.ts";
import { checkHeldBack } from "./check-approval.ts";
import { checkFair, makeFairChecks } from "./fair.ts";
import { keyOf } from "./key.ts";
import type { State } from "./state.ts";
import { successors } from "./successors.ts";
import { Violation } from "./violation.ts";
import { makeVisited, missProbability } from "./visited.ts";
import type { Context } from "./world.ts";

/** What an exploration saw. */
export interface Explored {
  readonly states: number;
  readonly transitions: number;
  /** Steps of the longest shortest way. */
  readonly depth: number;
  /** Table contents from which fair schedules were run to their end. */
  readonly fairRuns: number;
  /** Rows of the tables that were accepted, as `job.claim`. */
  readonly applied: ReadonlySet<string>;
  readonly setBytes: number;
  readonly missProbability: number;
  readonly broken?: Broken;
}

export interface Broken {
  readonly invariant: number;
  readonly message: string;
  /** The shortest way there, the breaking step last. */
  readonly trace: readonly TraceStep[];
}

export interface TraceStep {
  readonly say: string;
  readonly state: State;
}

/** States of one exploration, beyond which it is not exhaustive and fails. */
const STATES_MAX = 20_000_000;

/** Breadth-first search of every reachable state, so that the first violation found is one of the shortest. */
export function explore(given: Omit<Context, "applied">): Explored {
  const context: Context = { ...given, applied: new Set() };
  const visited = makeVisited();
  const fair = makeFairChecks(context);
  const parents: number[] = [-1];
  const ordinals: number[] = [0];
  let layer: { id: number; state: State }[] = [{ id: 0, state: firstState(context.world) }];
  let transitions = 0;
  let depth = 0;
  visited.add(keyOf(context.world, firstState(context.world)));
  const seen = (broken?: Broken): Explored => ({
    states: visited.size(),
    transitions,
    depth,
    fairRuns: fair.runs(),
    applied: context.applied,
    setBytes: visited.bytes() + parents.length * SLOT_BYTES,
    missProbability: missProbability(visited.size()),
    ...(broken === undefined ? {} : { broken }),
  });
  for (; layer.length > 0; depth += 1) {
    const next: { id: number; state: State }[] = [];
    for (const { id, state } of layer) {
      let ordinal = 0;
      try {
        for (const group of state.groups) checkHeldBack(group);
        checkFair(fair, state);
        successors(context, state, (after) => {
          transitions += 1;
          ordinal += 1;
          if (!visited.add(keyOf(context.world, after))) return;
          next.push({ id: parents.length, state: after });
          parents.push(id);
          ordinals.push(ordinal);
        });
      } catch (error) {
        if (error instanceof Violation) return seen(tell(context, error, pathTo(id, parents, ordinals)));
        throw error;
      }
    }
    if (visited.size() > STATES_MAX) throw new Error(`world ${context.world.name} has more than ${STATES_MAX} states`);
    layer = next;
  }
  return seen();
}

/** Parent and ordinal of a state, as numbers in packed arrays. */
const SLOT_BYTES = 8;

function pathTo(id: number, parents: readonly number[], ordinals: readonly number[]): number[] {
  const path: number[] = [];
  for (let at = id; at > 0; at = parents[at] ?? 0) path.unshift(ordinals[at] ?? 0);
  return path;
}

/** Walks the way again, which only depends on the ordinals of its steps, and says what happened. */
function tell(context: Context, violation: Violation, path: readonly number[]): Broken {
  let state = firstState(context.world);
  const trace: TraceStep[] = [];
  for (const wanted of path) {
    let ordinal = 0;
    let found: TraceStep | undefined;
    successors(context, state, (after, say) => {
      ordinal += 1;
      if (ordinal === wanted) found = { say: say(), state: after };
    });
    if (found === undefined) throw new Error("the way to a violation could not be walked again");
    trace.push(found);
    state = found.state;
  }
  return { invariant: violation.invariant, message: violation.message, trace };
}
