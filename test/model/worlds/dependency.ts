import { allOf } from "../../../shared/domain/predicate.ts";
import type { World } from "../world.ts";

/** One job needs another; each may be lost once, the first may fail once more. */
export const dependency: World = {
  name: "dependency",
  title: "2 runners, 2 jobs, the second needs the first; the same faults",
  jobs: [
    { id: "a", retries: { failed: 1, lost: 1 } },
    { id: "b", needs: allOf(["a"]), retries: { failed: 0, lost: 1 } },
  ],
  runners: ["r1", "r2"],
  unitMs: 5_000,
  cancels: 0,
  reruns: 0,
  heartbeats: true,
  staleMs: 45_000,
  quick: { unitMs: 15_000 },
  bounds: ["clock in steps of 5 s", "a handler writes within 45 s of reading its clock", "deadlines of hours are far"],
};
