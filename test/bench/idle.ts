import { setTimeout as wait } from "node:timers/promises";
import { systemClock } from "../../shared/lib/clock.ts";
import { batonUp } from "../support/baton-up.ts";
import { memoryOf, processTree, TICKS_PER_SECOND } from "../support/process-tree.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import type { Measurement } from "./measurement.ts";

/** What a `baton up` costs that has nothing to do: memory of all its processes, and their share of one core. */

const SETTLE_MS = 5_000;
const WATCH_MS = 60_000;
const MB = 1e6;

export const idle: Measurement = {
  name: "idle",
  async measure() {
    const up = await batonUp({ slots: 2 });
    try {
      await runEnds(up.client, await createRunOf(up.client, 'jobs: {warm: {run: "true"}}\n'));
      await wait(SETTLE_MS);
      const startedMs = systemClock.monotonicMs();
      const before = ticksOf(up.pid);
      await wait(WATCH_MS);
      const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
      const share = (ticksOf(up.pid) - before) / TICKS_PER_SECOND / seconds;
      const tree = processTree(up.pid);
      const rss = tree.reduce((sum, { pid }) => sum + memoryOf(pid, "VmRSS"), 0);
      const each = tree.map(({ pid, command }) => `${shortName(command)} ${(memoryOf(pid, "VmRSS") / MB).toFixed(0)}`);
      return [
        {
          what: "idle baton up, CPU",
          value: share * 100,
          unit: "%",
          goal: { atMost: 1 },
          note: `over ${seconds.toFixed(0)} s`,
        },
        { what: "idle baton up, RSS of all", value: rss / MB, unit: "MB", note: each.join(", ") },
      ];
    } finally {
      await up.discard();
    }
  },
};

const ticksOf = (pid: number) => processTree(pid).reduce((sum, { cpuTicks }) => sum + cpuTicks, 0);

function shortName(command: string): string {
  const script = command.split(" ").find((word) => /\.(ts|mjs)$/.test(word)) ?? command.split(" ")[0] ?? "";
  return script.split("/").slice(-2).join("/");
}
