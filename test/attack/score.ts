import { percentile } from "../bench/statistics.ts";

/** What an attack found. All counts must be 0. */
export interface Counts {
  readonly lostJobs: number;
  readonly doubleResults: number;
  readonly staleWrites: number;
  readonly overlaps: number;
  readonly orphans: number;
  readonly wrongVerdicts: number;
  readonly lostLogBytes: number;
  /** Of others on the host, of a live run, or members of an artifact: gone, or not as they were. */
  readonly lostFiles: number;
  /** JSON that cannot be parsed, or text that moves a terminal's cursor or hides what it says. */
  readonly malformedOutputs: number;
}

export const COUNT_NAMES: Readonly<Record<keyof Counts, string>> = {
  lostJobs: "lost jobs",
  doubleResults: "double results",
  staleWrites: "stale writes accepted",
  overlaps: "overlapping attempts",
  orphans: "orphan processes",
  wrongVerdicts: "wrong verdicts",
  lostLogBytes: "log bytes lost unrecorded",
  lostFiles: "files lost",
  malformedOutputs: "malformed outputs",
};

export const CLEAN: Counts = {
  lostJobs: 0,
  doubleResults: 0,
  staleWrites: 0,
  overlaps: 0,
  orphans: 0,
  wrongVerdicts: 0,
  lostLogBytes: 0,
  lostFiles: 0,
  malformedOutputs: 0,
};

/** A bound that an attack measured: a missed one fails it. */
export interface Goal {
  readonly what: string;
  readonly ms: number;
  readonly atMostMs: number;
}

/** The score of one attack. */
export interface Score {
  readonly attack: string;
  readonly about: string;
  readonly invariants: readonly number[];
  readonly runs: number;
  readonly jobs: number;
  /** Times that something was broken. */
  readonly faults: number;
  readonly counts: Counts;
  /** Attempts that were lost to the faults, and granted again. */
  readonly lostAttempts: number;
  readonly staleProbes: number;
  /** Output that could not be kept, and whose place and length the log tells. */
  readonly recordedLogBytes: number;
  /** From the fault, or its end, to the work going on. Milliseconds. */
  readonly recoveryMs: { readonly p50: number; readonly max: number } | undefined;
  readonly goals: readonly Goal[];
  readonly findings: readonly string[];
  /** Why it could not be made here. */
  readonly skipped?: string;
  readonly seconds: number;
}

export function addCounts(left: Counts, right: Partial<Counts>): Counts {
  const names = Object.keys(CLEAN) as (keyof Counts)[];
  return Object.fromEntries(names.map((name) => [name, left[name] + (right[name] ?? 0)])) as unknown as Counts;
}

export type Verdict = "clean" | "clean, but late" | "NOT CLEAN";

/** Late: every count is 0, and a bound was missed. */
export function verdictOf({ counts, goals }: Pick<Score, "counts" | "goals">): Verdict {
  if (Object.values(counts).some((count) => count !== 0)) return "NOT CLEAN";
  return goals.every(({ ms, atMostMs }) => ms <= atMostMs) ? "clean" : "clean, but late";
}

export function recoveryOf(timesMs: readonly number[]): Score["recoveryMs"] {
  if (timesMs.length === 0) return undefined;
  return { p50: Math.round(percentile(timesMs, 0.5)), max: Math.round(Math.max(...timesMs)) };
}
