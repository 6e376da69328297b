import { systemClock } from "../../shared/lib/clock.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import { assess } from "./assess.ts";
import { type Field, openField } from "./field.ts";
import { addCounts, CLEAN, type Counts, type Goal, recoveryOf, type Score } from "./score.ts";

/** What an attack did, and how long the system took to get over it. */
export interface Blow {
  readonly faults: number;
  /** Milliseconds, one for each thing that recovered. */
  readonly recoveriesMs: readonly number[];
  readonly goals?: readonly Goal[];
  /** What the attack itself saw go wrong, and in words. */
  readonly counts?: Partial<Counts>;
  readonly findings?: readonly string[];
}

/** One attack, in a field of its own. */
export interface Attack {
  readonly name: string;
  readonly about: string;
  /** Of docs/ARCHITECTURE.md: those that a count or a bound of this attack would show broken. */
  readonly invariants: readonly number[];
  /** Also part of `--short`. */
  readonly short: boolean;
  /** Why it cannot be made here; undefined where it can. */
  readonly impossible?: () => string | undefined;
  /** Does the harm and waits for the runs' ends. `short`: in seconds rather than minutes. */
  readonly strike: (field: Field, short: boolean) => Promise<Blow>;
}

export async function makeAttack(attack: Attack, seed: number, short: boolean): Promise<Score> {
  const startedAtMs = systemClock.monotonicMs();
  const base = { attack: attack.name, about: attack.about, invariants: attack.invariants };
  const seconds = () => Math.round((systemClock.monotonicMs() - startedAtMs) / 100) / 10;
  const nothing = {
    runs: 0,
    jobs: 0,
    faults: 0,
    counts: CLEAN,
    lostAttempts: 0,
    staleProbes: 0,
    recordedLogBytes: 0,
    recoveryMs: undefined,
  };
  const skipped = attack.impossible?.();
  if (skipped !== undefined) return { ...base, ...nothing, goals: [], findings: [], skipped, seconds: seconds() };
  const field = await openField(seed);
  const broken: string[] = [];
  let blow: Blow = { faults: 0, recoveriesMs: [] };
  try {
    blow = await attack.strike(field, short);
  } catch (error) {
    // What did not happen in time shows as lost jobs below, with this as the reason.
    broken.push(messageOf(error));
  }
  try {
    field.network.mode = "pass";
    field.setFaults({ queues: "pass", bucket: "pass" });
    const found = await assess(field);
    const { orphans } = await field.close();
    return {
      ...base,
      runs: field.runs.size,
      jobs: found.jobs,
      faults: blow.faults,
      counts: addCounts(addCounts(found.counts, blow.counts ?? {}), {
        orphans: orphans.length,
        lostJobs: found.counts.lostJobs === 0 ? broken.length : 0,
      }),
      lostAttempts: found.lostAttempts,
      staleProbes: found.staleProbes,
      recordedLogBytes: found.recordedLogBytes,
      recoveryMs: recoveryOf(blow.recoveriesMs),
      goals: blow.goals ?? [],
      findings: [...broken, ...(blow.findings ?? []), ...found.findings, ...orphans.map((one) => `orphan: ${one}`)],
      seconds: seconds(),
    };
  } catch (error) {
    await field.close();
    throw error;
  }
}
