import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../shared/lib/clock.ts";
import { batonUp } from "../support/baton-up.ts";
import { eventually } from "../support/eventually.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import type { Measurement } from "./measurement.ts";
import { percentile, spread } from "./statistics.ts";

/** From `POST /v1/runs` to the first line of the first step, which itself says when that was. Warm, nobody follows. */

const RUNS = 100;
const WARM_UPS = 10;
const NS_PER_MS = 1e6;

export const dispatch: Measurement = {
  name: "dispatch",
  async measure() {
    const up = await batonUp({ slots: 2 });
    try {
      const latencies: number[] = [];
      for (let run = -WARM_UPS; run < RUNS; run += 1) {
        const file = join(up.shared, `started-${run}`);
        const sentMs = systemClock.nowMs();
        const runId = await createRunOf(up.client, `jobs: {only: {run: "date +%s%N > ${file}"}}\n`);
        // By the file alone: whoever asks the control plane now is in the way.
        const startedMs = await eventually("the step says when", () => existsSync(file) && readStart(file));
        await runEnds(up.client, runId);
        if (run >= 0) latencies.push(startedMs - sentMs);
      }
      const note = `${RUNS} runs, ${spread(latencies, 1)}`;
      return [
        {
          what: "POST /v1/runs → first step, p50",
          value: percentile(latencies, 0.5),
          unit: "ms",
          goal: { atMost: 50 },
          note,
        },
        {
          what: "POST /v1/runs → first step, p95",
          value: percentile(latencies, 0.95),
          unit: "ms",
          goal: { atMost: 150 },
        },
      ];
    } finally {
      await up.discard();
    }
  },
};

/** Undefined while the line is not whole. */
function readStart(file: string): number | undefined {
  const text = readFileSync(file, "utf8");
  return text.endsWith("\n") ? Number(text) / NS_PER_MS : undefined;
}
