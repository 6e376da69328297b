import type { World } from "../world.ts";

/** Two runners reach for one job that may fail once more and be lost twice more. */
export const oneJob: World = {
  name: "one-job",
  title: "2 runners, 1 job, up to 4 attempts; messages lost, doubled, late, out of order; actors paused or dead",
  jobs: [{ id: "a", retries: { failed: 1, lost: 2 } }],
  runners: ["r1", "r2"],
  unitMs: 2_500,
  cancels: 0,
  reruns: 0,
  heartbeats: true,
  staleMs: 60_000,
  quick: { unitMs: 5_000 },
  bounds: [
    "clock in steps of 2.5 s",
    "a handler writes within 60 s of reading its clock",
    "deadlines of hours are far",
  ],
};
