import { type Outcome, simulate } from "./simulate.ts";

/** What came of many worlds. */
export interface Summary {
  readonly worlds: number;
  readonly failed: readonly Outcome[];
  readonly jobs: number;
  readonly events: number;
  readonly writes: number;
  readonly faults: number;
  /** The longest that any world took to be quiet after its last fault, in virtual milliseconds. */
  readonly quietMsMax: number;
}

/** Failing worlds that one run shows; a broken invariant mostly breaks in many. */
const FAILURES_MAX = 10;

/** Lets the worlds of the seeds from `from` on live, one after the other; `onWorld` hears how many have. */
export async function runWorlds(
  from: number,
  count: number,
  onWorld: (worlds: number) => void = () => {},
  forge?: boolean,
): Promise<Summary> {
  const failed: Outcome[] = [];
  let worlds = 0;
  let jobs = 0;
  let events = 0;
  let writes = 0;
  let faults = 0;
  let quietMsMax = 0;
  for (; worlds < count && failed.length < FAILURES_MAX; worlds += 1) {
    const outcome = await simulate({ seed: from + worlds, forge });
    if (outcome.broken !== undefined) failed.push(outcome);
    jobs += outcome.jobs;
    events += outcome.events;
    writes += outcome.writes;
    faults += outcome.struck.length;
    quietMsMax = Math.max(quietMsMax, outcome.quietMs);
    onWorld(worlds + 1);
  }
  return { worlds, failed, jobs, events, writes, faults, quietMsMax };
}
