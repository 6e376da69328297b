import type { World } from "../world.ts";

const ALIKE = ["a", "b"];
const needs = { atLeast: 1, of: ALIKE.map((need) => ({ need })) };

/** Any one of two is enough: the dependent may run, and end, while the other has not. */
export const threshold: World = {
  name: "threshold",
  title: "a job needs any one of two, with a cancel; it may end before the other",
  jobs: [...ALIKE.map((id) => ({ id, retries: { failed: 0, lost: 1 } })), { id: "c", needs }],
  runners: ["r1", "r2"],
  unitMs: undefined,
  cancels: 1,
  reruns: 0,
  heartbeats: false,
  staleMs: 0,
  alike: ALIKE,
  quick: { cancels: 0 },
  bounds: ["no time passes: no lease runs out"],
};
