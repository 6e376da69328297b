import type { World } from "../world.ts";

/** Ticks as messages of their own: lost, doubled and late, with sweep beside them. */
export const ticks: World = {
  name: "ticks",
  title: "the chain of ticks: doubled, lost and late ticks, sweeps at any moment, reconcilers that die before sending",
  jobs: [{ id: "a", retries: { failed: 0, lost: 1 } }],
  runners: ["r1", "r2"],
  unitMs: 15_000,
  cancels: 1,
  reruns: 0,
  ticks: true,
  heartbeats: true,
  staleMs: 15_000,
  bounds: [
    "clock in steps of 15 s",
    "a handler writes within 15 s of reading its clock",
    "ticks older than the current are one",
  ],
};
