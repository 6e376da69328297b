import { allOf } from "../../../shared/domain/predicate.ts";
import type { World, WorldJob } from "../world.ts";

const ALIKE = ["a", "b", "c"];
const JOBS: readonly WorldJob[] = [
  ...ALIKE.map((id) => ({ id, retries: { failed: 0, lost: 1 } })),
  { id: "d", needs: allOf(ALIKE) },
];

/** Three jobs end at once, and a fourth waits for them all: any handler may die between any two of its writes. */
export const fanIn: World = {
  name: "fan-in",
  title: "3 jobs end in any order, one needs them all; every handler may die between any two writes",
  jobs: JOBS,
  runners: ["r1", "r2"],
  unitMs: undefined,
  cancels: 0,
  reruns: 0,
  heartbeats: false,
  staleMs: 0,
  alike: ALIKE,
  quick: { jobs: JOBS.map(({ retries: _none, ...job }) => job) },
  bounds: ["no time passes: no lease runs out; a loss is a release"],
};
