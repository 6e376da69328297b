import { batonUp } from "../support/baton-up.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import type { Measurement } from "./measurement.ts";
import { median, spread } from "./statistics.ts";

/** A burst of one-step jobs, all free at once, on few slots. */

const JOBS = 200;
const SLOTS = 4;
const ROUNDS = 3;
const PATIENCE_MS = 120_000;
/** Each look reads all jobs of the run: often enough to notice, too seldom to be the load. */
const LOOK_MS = 250;

export const burst: Measurement = {
  name: "burst",
  async measure() {
    const up = await batonUp({ slots: SLOTS });
    try {
      await burstOf(up.client, SLOTS);
      const rates: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) rates.push(await burstOf(up.client, JOBS));
      const note = `${ROUNDS} bursts, ${spread(rates, 1)}; Buildbot 3.7 measured 3.8`;
      return [
        {
          what: `burst of ${JOBS} jobs on ${SLOTS} slots`,
          value: median(rates),
          unit: "jobs/s",
          goal: { atLeast: 25 },
          note,
        },
      ];
    } finally {
      await up.discard();
    }
  },
};

/** Jobs per second, from the run's birth to its end. */
async function burstOf(client: Parameters<typeof createRunOf>[0], jobs: number): Promise<number> {
  const lines = Array.from({ length: jobs }, (_, at) => `  job-${at}: {run: "true"}`);
  const run = await runEnds(client, await createRunOf(client, `jobs:\n${lines.join("\n")}\n`), PATIENCE_MS, LOOK_MS);
  if (run.state !== "succeeded") throw new Error(`the burst ${run.state}`);
  return jobs / (((run.endedAtMs ?? Number.NaN) - run.createdAtMs) / 1_000);
}
