import type { World } from "../world.ts";

/** Nobody may ever come; the queue's and the run's own deadlines end it all the same. */
export const deadlines: World = {
  name: "deadlines",
  title: "1 job whose queue deadline and run deadline come while it is queued, held or stopping, with a cancel",
  jobs: [{ id: "a", retries: { failed: 1, lost: 1 } }],
  runners: ["r1", "r2"],
  unitMs: 15_000,
  cancels: 1,
  reruns: 0,
  queueTimeoutMs: 45_000,
  runDeadlineMs: 180_000,
  heartbeats: true,
  staleMs: 30_000,
  bounds: [
    "clock in steps of 15 s",
    "a handler writes within 30 s of reading its clock",
    "queue deadline 45 s, run deadline 180 s, in place of hours",
  ],
};
