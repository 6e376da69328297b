import { expect, test } from "vitest";
import { firstState } from "./birth.ts";
import { keyOf } from "./key.ts";
import { REAL_RULES } from "./rules.ts";
import type { State } from "./state.ts";
import { storyOf } from "./story.ts";
import { successors } from "./successors.ts";
import { REAL_TABLES } from "./tables.ts";
import type { Context } from "./world.ts";
import { WORLDS } from "./worlds/all.ts";
import { quicken } from "./worlds/quicken.ts";

/** Comparisons of one world: every n-th state that was reached on a second way. */
const COMPARED_MAX = 500;
const STATES_MAX = 4_000;
const EVERY = 7;

interface Reached {
  readonly first: State;
  readonly futures: string;
}

/** The keys of all next states, and what leads there. */
function futuresOf(context: Context, state: State): string {
  const keys = new Set<string>();
  successors(context, state, (next) => keys.add(keyOf(context.world, next)));
  return [...keys].toSorted().join("\n");
}

test.each(WORLDS.map((world) => [world.name, quicken(world)] as const))(
  "%s: two states that the explorer takes for one have the same future",
  (_name, world) => {
    const context: Context = { world, tables: REAL_TABLES, rules: REAL_RULES, applied: new Set() };
    const reached = new Map<string, Reached>();
    const queue: State[] = [firstState(world)];
    let doubles = 0;
    let compared = 0;
    for (let state = queue.shift(); state !== undefined && compared < COMPARED_MAX; state = queue.shift()) {
      if (reached.size > STATES_MAX) break;
      successors(context, state, (next) => {
        const key = keyOf(world, next);
        const known = reached.get(key);
        if (known === undefined) {
          reached.set(key, { first: next, futures: futuresOf(context, next) });
          queue.push(next);
          return;
        }
        doubles += 1;
        if (doubles % EVERY !== 0 || compared >= COMPARED_MAX) return;
        compared += 1;
        const futures = futuresOf(context, next);
        if (futures !== known.futures) expect(futures, told([known.first, next])).toBe(known.futures);
      });
    }
    expect(compared).toBeGreaterThan(100);
  },
);

function told(states: readonly State[]): string {
  return storyOf({ invariant: 0, message: "", trace: states.map((state) => ({ say: "one way", state })) });
}
