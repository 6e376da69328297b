import type { World } from "../world.ts";

/** The world as `--quick` explores it, and says so. */
export function quicken(world: World): World {
  const { quick, ...rest } = world;
  if (quick === undefined) return world;
  return { ...rest, ...quick, bounds: [...world.bounds, `quick: ${JSON.stringify(quick)}`] };
}
