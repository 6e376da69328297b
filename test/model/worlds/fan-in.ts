import { allOf } from "../../../shared/domain/predicate.ts";
import type { World } from "../world.ts";

const ALIKE = ["a", "b", "c"];

/** Three jobs end at once, and a fourth waits for them all: any handler may die between any two of its writes. */
export const fanIn: World = {
  name: "fan-in",
  title: "3 jobs end in any order, one needs them all; every handler may die between any two writes",
  jobs: [...ALIKE.map((id) => ({ id })), { id: "d", needs: allOf(ALIKE) }],
  runners: ["r1", "r2"],
  unitMs: undefined,
  cancels: 0,
  reruns: 0,
  heartbeats: false,
  staleMs: 0,
  alike: ALIKE,
  bounds: ["no time passes: no lease runs out", "no retries"],
};
