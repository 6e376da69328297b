import type { World } from "../world.ts";

/** Three jobs answer one check, one of them another alone. */
export const namedCheck: World = {
  name: "named-check",
  title: "3 jobs answer one check, one of them another alone; handlers die between any two writes",
  jobs: [
    { id: "a", checks: ["tests"] },
    { id: "b", checks: ["tests", "lint"] },
    { id: "c", checks: ["tests"], allowFailure: true },
  ],
  runners: ["r1", "r2"],
  unitMs: undefined,
  cancels: 0,
  reruns: 0,
  heartbeats: false,
  staleMs: 0,
  quick: {
    jobs: [
      { id: "a", checks: ["tests"] },
      { id: "b", checks: ["tests"] },
      { id: "c", checks: ["tests"], allowFailure: true },
    ],
    alike: ["a", "b"],
  },
  bounds: ["no time passes: no lease runs out", "jobs report no results of checks beside how they end"],
};
