import { allOf } from "../../../shared/domain/predicate.ts";
import type { World } from "../world.ts";

/** Somebody cancels, and somebody reruns what did not succeed, at any moment of all that may go wrong. */
export const cancelAndRerun: World = {
  name: "cancel-and-rerun",
  title: "2 runners, 2 jobs with a dependency, one cancel and one rerun of what failed, at any moment",
  jobs: [
    { id: "a", retries: { failed: 1, lost: 1 } },
    { id: "b", needs: allOf(["a"]), retries: { failed: 0, lost: 1 } },
  ],
  runners: ["r1", "r2"],
  unitMs: 15_000,
  cancels: 1,
  reruns: 1,
  heartbeats: true,
  staleMs: 15_000,
  quick: { jobs: [{ id: "a", retries: { failed: 1, lost: 1 } }], staleMs: 0 },
  bounds: ["clock in steps of 15 s", "a handler writes within 15 s of reading its clock", "deadlines of hours are far"],
};
