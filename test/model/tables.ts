import { checkMoves } from "../../shared/domain/check-moves.ts";
import { jobMoves } from "../../shared/domain/job-moves.ts";
import type { Move } from "../../shared/domain/move.ts";
import { runMoves } from "../../shared/domain/run-moves.ts";

/** The transition tables under test: the real rows, or a mutant's. */
export interface Tables {
  readonly job: typeof jobMoves;
  readonly run: typeof runMoves;
  readonly check: typeof checkMoves;
}

export type JobMoveName = keyof Tables["job"];
export type RunMoveName = keyof Tables["run"];
export type CheckMoveName = keyof Tables["check"];

/** History is projected out: no guard reads it, and it would make every state different. */
function unrecorded<T extends Readonly<Record<string, Move>>>(rows: T): T {
  return Object.fromEntries(Object.entries(rows).map(([name, move]) => [name, { ...move, recorded: false }])) as T;
}

export const REAL_TABLES: Tables = {
  job: unrecorded(jobMoves),
  run: unrecorded(runMoves),
  check: unrecorded(checkMoves),
};
