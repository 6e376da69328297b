import { type Broken, explore } from "./explore.ts";
import type { Equivalent, Mutant } from "./mutants.ts";
import { REAL_RULES } from "./rules.ts";
import type { World } from "./world.ts";
import { WORLDS } from "./worlds/all.ts";
import { quicken } from "./worlds/quicken.ts";

/** What the explorer says of a mutant in the world that must catch it. */
export function broughtDown(mutant: Mutant): Broken | undefined {
  const world = quicken(worldNamed(mutant.caughtBy.world));
  return explore({ world, tables: mutant.tables, rules: mutant.rules }).broken;
}

/** What it says, in the quick worlds where it would show, of a change that is said to change nothing. */
export function outlived({ tables, worlds }: Equivalent): Broken | undefined {
  for (const world of worlds.map(worldNamed)) {
    const { broken } = explore({ world: quicken(world), tables, rules: REAL_RULES });
    if (broken !== undefined) return broken;
  }
  return undefined;
}

export function worldNamed(name: string): World {
  const world = WORLDS.find((one) => one.name === name);
  if (world === undefined) throw new Error(`no world ${name}; there is: ${WORLDS.map((one) => one.name).join(", ")}`);
  return world;
}
