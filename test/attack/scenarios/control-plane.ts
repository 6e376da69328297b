import { systemClock } from "../../../shared/lib/clock.ts";
import type { Attack } from "../attack.ts";
import type { Faults } from "../faults.ts";
import { type Field, passes } from "../field.ts";
import type { NetworkMode } from "../network.ts";
import type { Task } from "../plan.ts";

/** What the runners depend on dies, loses, doubles, or does not answer. */

/** A lost offer comes again at its job's next age, whatever else is queued (REOFFER_ALWAYS_AGE_MS), after a lost tick was swept up. */
const RUN_MS = 360_000;
const KILLS_SHORT = 4;
const KILLS = 40;
const SECOND_MS = 1_000;

/** Three jobs that print and a join, one of them failing now and then. */
export function smallGraph(field: Field, beats = 3): Task[] {
  const exit = field.dice.share() < 0.2 ? 3 : 0;
  return [
    { id: "one", bytes: field.dice.between(1, 200_000), beats },
    { id: "two", bytes: field.dice.between(1, 50_000), needs: ["one"], exit },
    { id: "three", bytes: 1_000, needs: ["one"], beats: 1 },
    { id: "four", bytes: 10, needs: ["two", "three"] },
  ];
}

async function manyRuns(field: Field, count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => field.createRun(smallGraph(field))));
}

/** How long each run went on after the fault. */
async function endsAfter(field: Field, runs: readonly string[], sinceMs: number): Promise<number[]> {
  return Promise.all(
    runs.map(async (run) => {
      await field.runEnds(run, RUN_MS);
      return Math.max(0, systemClock.monotonicMs() - sinceMs);
    }),
  );
}

export const controlPlaneAttacks: readonly Attack[] = [
  {
    name: "control-plane-killed",
    invariants: [3, 5, 6, 16],
    about:
      "SIGKILL of the control plane with table, queues and bucket at random moments. Recovery: kill → a step gives a sign again",
    short: true,
    async strike(field, short) {
      for (const slots of [2, 2]) await field.addRunner({ slots });
      const kills = short ? KILLS_SHORT : KILLS;
      const recoveriesMs: number[] = [];
      const runs: string[] = [];
      for (let kill = 0; kill < kills; kill += 1) {
        runs.push(...(await manyRuns(field, 2)));
        await passes(field.dice.between(50, 1_500));
        const atMs = systemClock.nowMs();
        await field.restartStack(field.dice.between(0, 1_500));
        const [newest = ""] = await manyRuns(field, 1);
        runs.push(newest);
        const sign = await field.sees(newest, "one", "start", 1, RUN_MS);
        recoveriesMs.push(sign.atMs - atMs);
      }
      for (const run of runs) await field.runEnds(run, RUN_MS);
      return { faults: kills, recoveriesMs };
    },
  },
  {
    name: "messages-dropped",
    invariants: [5, 6, 20],
    about: "every SQS message is lost for a minute: offers, ticks, plans. Recovery: end of the fault → the run's end",
    short: false,
    async strike(field) {
      await field.addRunner({ slots: 4 });
      const before = await manyRuns(field, 3);
      field.setFaults({ queues: "drop" });
      const within = await manyRuns(field, 5);
      await passes(60 * SECOND_MS);
      field.setFaults({ queues: "pass" });
      return { faults: 1, recoveriesMs: await endsAfter(field, [...before, ...within], systemClock.monotonicMs()) };
    },
  },
  {
    name: "messages-tripled",
    invariants: [4, 6, 7, 16],
    about: "every SQS message comes three times. Recovery: birth → the run's end",
    short: true,
    async strike(field, short) {
      for (const slots of [2, 2]) await field.addRunner({ slots });
      field.setFaults({ queues: "triple" });
      const sinceMs = systemClock.monotonicMs();
      const runs = await manyRuns(field, short ? 6 : 40);
      return { faults: 1, recoveriesMs: await endsAfter(field, runs, sinceMs) };
    },
  },
  {
    name: "network-broken",
    invariants: [2, 3, 8, 9, 10],
    about:
      "the network between runners and control plane is cut, slow, resetting. Recovery: end of the fault → the run's end",
    short: true,
    async strike(field, short) {
      for (const slots of [2, 2]) await field.addRunner({ slots });
      // Cut for longer than a lease lives: the watchdogs must fence themselves, with nobody to tell.
      const plan: readonly (readonly [NetworkMode, number])[] = short
        ? [
            ["cut", 4],
            ["slow", 6],
            ["reset", 6],
          ]
        : [
            ["cut", 10],
            ["slow", 20],
            ["reset", 30],
            ["cut", 55],
          ];
      const recoveriesMs: number[] = [];
      for (const [mode, seconds] of plan) {
        const runs = await manyRuns(field, short ? 2 : 6);
        await passes(SECOND_MS);
        field.network.mode = mode;
        if (mode === "cut") field.network.breakAll();
        await passes(seconds * SECOND_MS);
        field.network.mode = "pass";
        recoveriesMs.push(...(await endsAfter(field, runs, systemClock.monotonicMs())));
      }
      return { faults: plan.length, recoveriesMs };
    },
  },
  {
    name: "bucket-broken",
    invariants: [11, 12],
    about:
      "S3 is down, slow, or fails half-way, before or after the effect. Recovery: end of the fault → the run's end",
    short: true,
    async strike(field, short) {
      await field.addRunner({ slots: 4 });
      // Down for longer than a log waits for its uploads: the loss must be recorded.
      const plan: readonly (readonly [Faults["bucket"], number])[] = short
        ? [
            ["down", 4],
            ["slow", 4],
            ["half", 6],
          ]
        : [
            ["down", 10],
            ["slow", 20],
            ["half", 40],
            ["down", 50],
          ];
      const recoveriesMs: number[] = [];
      for (const [bucket, seconds] of plan) {
        field.setFaults({ bucket, slowMs: SECOND_MS });
        const runs = await manyRuns(field, short ? 2 : 6);
        await passes(seconds * SECOND_MS);
        field.setFaults({ bucket: "pass" });
        recoveriesMs.push(...(await endsAfter(field, runs, systemClock.monotonicMs())));
      }
      return { faults: plan.length, recoveriesMs };
    },
  },
];
