import type { CheckOutcome } from "./check-moves.ts";
import { JOB_TERMINAL } from "./job-moves.ts";
import type { MoveOn } from "./move.ts";
import type { NeedOutcome } from "./predicate.ts";
import { RUN_TERMINAL, runMoves } from "./run-moves.ts";

/** How ended jobs answer: their dependents, their checks, and the run. Pure. */

export const isJobEnded = (state: string): boolean => (JOB_TERMINAL as readonly string[]).includes(state);
export const isRunEnded = (state: string): boolean => (RUN_TERMINAL as readonly string[]).includes(state);

/** What a dependent sees. A failure that is allowed passes; a loss that is allowed passes too. */
export function needOutcomeOf(job: { readonly state: string; readonly allowFailure: boolean }): NeedOutcome {
  if (job.state === "succeeded") return "passed";
  if (job.state === "skipped" || job.state === "canceled") return job.state;
  if (job.allowFailure) return "passed";
  return job.state === "lost" ? "lost" : "failed";
}

/** What one contributor says to a named check: its explicit report where it made one, else how it ended. */
export function checkAnswerOf(need: NeedOutcome, reported: "passed" | "failed" | undefined): CheckOutcome {
  if (reported !== undefined) return reported;
  if (need === "passed") return "passed";
  return need === "failed" ? "failed" : "errored";
}

/** All contributors together: one failure decides; otherwise one that nobody could answer. */
export function checkOutcomeOf(tally: Tally): CheckOutcome {
  if (tally.failed > 0) return "failed";
  return tally.lost > 0 ? "errored" : "passed";
}

/** How a node counts against the verdict: at most one of the two is 1. */
export interface Tally {
  readonly failed: number;
  readonly lost: number;
}

export const tallyOf = (outcome: CheckOutcome): Tally => ({
  failed: outcome === "failed" ? 1 : 0,
  lost: outcome === "errored" ? 1 : 0,
});

/** A job that answers its own check counts by how it ended; one that answers named checks leaves it to them. */
export function jobTallyOf(job: {
  readonly state: string;
  readonly allowFailure: boolean;
  readonly namedChecks: number;
}): Tally {
  if (job.namedChecks > 0) return { failed: 0, lost: 0 };
  const need = needOutcomeOf(job);
  return { failed: need === "failed" ? 1 : 0, lost: need === "lost" ? 1 : 0 };
}

/** The row that closes a run whose nodes have all ended; undefined where it is not to be closed. */
export function chooseClose(run: {
  readonly state: string;
  readonly open?: unknown;
  readonly tally: Tally;
}): MoveOn<"run"> | undefined {
  if (run.open !== undefined) return undefined;
  if (run.state === "canceling") return runMoves.finishCancel;
  if (run.state !== "live") return undefined;
  if (run.tally.failed > 0) return runMoves.fail;
  return run.tally.lost > 0 ? runMoves.err : runMoves.succeed;
}
