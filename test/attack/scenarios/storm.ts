import { isRunEnded } from "../../../shared/domain/verdict.ts";
import { systemClock } from "../../../shared/lib/clock.ts";
import type { Attack } from "../attack.ts";
import { type Field, passes } from "../field.ts";
import { smallGraph } from "./control-plane.ts";

/** Many runs under constant faults, chosen by the seed. */

const RUNS_SHORT = 12;
const RUNS = 500;
const UNFINISHED_MAX = 20;
/** Long enough that faults meet running steps. */
const BEATS_MOST = 15;
const RUNNERS = 3;
const LOOK_MS = 500;
/** The longest pause between two offers of a job that is young, and a sweep. */
const LAST_RUN_MS = 420_000;
const SHARE_OF_RUNS_UNDER_FAULTS = 0.98;

type Fault = (field: Field, lengthMs: number) => Promise<void>;

const FAULTS: Readonly<Record<string, Fault>> = {
  async killRunner(field) {
    const alive = living(field);
    field.dice.oneOf(alive).child.kill("SIGKILL");
    await field.addRunner({ slots: 2 });
  },
  async freezeRunner(field, lengthMs) {
    const { child } = field.dice.oneOf(living(field));
    child.kill("SIGSTOP");
    await passes(lengthMs);
    child.kill("SIGCONT");
  },
  killControlPlane: (field, lengthMs) => field.restartStack(lengthMs / 2),
  cutNetwork: (field, lengthMs) => onNetwork(field, "cut", lengthMs),
  slowNetwork: (field, lengthMs) => onNetwork(field, "slow", lengthMs),
  resetNetwork: (field, lengthMs) => onNetwork(field, "reset", lengthMs),
  async bucketDown(field, lengthMs) {
    field.setFaults({ bucket: "down" });
    await passes(lengthMs);
    field.setFaults({ bucket: "pass" });
  },
  async bucketHalf(field, lengthMs) {
    field.setFaults({ bucket: "half" });
    await passes(lengthMs);
    field.setFaults({ bucket: "pass" });
  },
  async tripleMessages(field, lengthMs) {
    field.setFaults({ queues: "triple" });
    await passes(lengthMs);
    field.setFaults({ queues: "pass" });
  },
  async dropMessages(field, lengthMs) {
    field.setFaults({ queues: "drop" });
    await passes(lengthMs);
    field.setFaults({ queues: "pass" });
  },
};

/** What a lost tick costs, up to two minutes until a sweep, is too long for the short form. */
const LONG_FAULTS = ["dropMessages"];

export const stormAttacks: readonly Attack[] = [
  {
    name: "storm",
    invariants: [1, 2, 3, 5, 6, 11, 16, 20],
    about:
      "500 runs under constant faults chosen by the seed: all of the above, one after the other. Recovery: last fault → the run's end",
    short: true,
    async strike(field, short) {
      for (let runner = 0; runner < RUNNERS; runner += 1) await field.addRunner({ slots: 2 });
      const count = short ? RUNS_SHORT : RUNS;
      const names = Object.keys(FAULTS).filter((name) => !short || !LONG_FAULTS.includes(name));
      const over = new AbortController();
      const storm = blow(field, names, over.signal);
      const ended = await createAll(field, count);
      over.abort();
      const faults = await storm;
      const sinceMs = systemClock.monotonicMs();
      const recoveriesMs: number[] = [];
      for (const run of [...field.runs.keys()].filter((one) => !ended.has(one))) {
        await field.runEnds(run, LAST_RUN_MS);
        recoveriesMs.push(systemClock.monotonicMs() - sinceMs);
      }
      return { faults, recoveriesMs };
    },
  },
];

/** One fault after the other, with short pauses, until the signal. */
async function blow(field: Field, names: readonly string[], signal: AbortSignal): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    const name = field.dice.oneOf(names);
    await FAULTS[name]?.(field, field.dice.between(300, 3_000));
    count += 1;
    await passes(field.dice.between(100, 1_000));
  }
  return count;
}

/** Creates runs as others end, and waits until most have ended. */
async function createAll(field: Field, count: number): Promise<ReadonlySet<string>> {
  const ended = new Set<string>();
  while (ended.size < count * SHARE_OF_RUNS_UNDER_FAULTS) {
    const open = [...field.runs.keys()].filter((run) => !ended.has(run));
    const more = Math.min(UNFINISHED_MAX - open.length, count - field.runs.size);
    for (let made = 0; made < more; made += 1)
      await field.createRun(smallGraph(field, field.dice.between(0, BEATS_MOST)));
    await passes(LOOK_MS);
    await Promise.all(open.map(async (run) => (await hasEnded(field, run)) && ended.add(run)));
  }
  return ended;
}

async function hasEnded(field: Field, run: string): Promise<boolean> {
  try {
    return isRunEnded((await field.client.call("getRun", { params: { run } })).run.state);
  } catch {
    // The control plane is down, as it should be now and script: asked again later.
    return false;
  }
}

const living = (field: Field) =>
  field.runners.filter(({ child }) => child.exitCode === null && child.signalCode === null);

async function onNetwork(field: Field, mode: Field["network"]["mode"], lengthMs: number): Promise<void> {
  field.network.mode = mode;
  if (mode === "cut") field.network.breakAll();
  await passes(lengthMs);
  field.network.mode = "pass";
}
