import { allOf } from "../../../shared/domain/predicate.ts";
import type { World } from "../world.ts";

/** The commit of somebody that nobody knows: nothing of it runs before it is approved, and then all of it. */
export const fork: World = {
  name: "fork",
  title: "a fork's run is born held; its commit or another is approved at any moment and again, while somebody cancels",
  jobs: [
    { id: "a", retries: { failed: 0, lost: 1 } },
    { id: "b", needs: allOf(["a"]) },
  ],
  runners: ["r1"],
  unitMs: 15_000,
  cancels: 1,
  reruns: 0,
  fork: true,
  ticks: true,
  heartbeats: true,
  staleMs: 15_000,
  quick: { staleMs: 0 },
  bounds: [
    "clock in steps of 15 s",
    "a handler writes within 15 s of reading its clock",
    "the run's hard deadline is far, and is reached where nothing else wakes the run",
    "one runner",
  ],
};
