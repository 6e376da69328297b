import type { World } from "../world.ts";

/** A job runs past its timeout, or is canceled, while heartbeats and results are under way. */
export const stop: World = {
  name: "stop",
  title: "1 job is stopped by its timeout or a cancel while heartbeats, results and releases are in flight",
  jobs: [{ id: "a", retries: { failed: 1, lost: 1 } }],
  runners: ["r1", "r2"],
  unitMs: 2_500,
  cancels: 1,
  reruns: 0,
  jobTimeoutMs: 1,
  heartbeats: true,
  staleMs: 45_000,
  quick: { unitMs: 15_000, staleMs: 15_000 },
  bounds: [
    "clock in steps of 2.5 s",
    "a handler writes within 45 s of reading its clock",
    "the timeout comes just over 60 s after the grant",
    "deadlines of hours are far",
  ],
};
