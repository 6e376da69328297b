import type { Bench } from "./bench.ts";

/** One question that a control plane must answer right, and what it proves. */
export interface Check {
  readonly id: string;
  /** What holds where the check holds, as a sentence. */
  readonly proves: string;
  /** Invariants of docs/ARCHITECTURE.md; empty where it is a requirement of docs/ARCHITECTURE.md's security section alone. */
  readonly invariants: readonly number[];
  /** Waits for a lease to run out: a minute or more. */
  readonly slow?: boolean;
  /** Throws `Violation` where it does not hold, `Disturbed` where a runner was faster. */
  readonly run: (bench: Bench) => Promise<void>;
}

/** The control plane did what it must not, or did not do what it must. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** What must come did not come in time. A busy machine is late, too: only a check that is late each time is broken. */
export class Late extends Error {
  override readonly name = "Late";
}

/** A runner of the pool took a job of ours: nothing is known. */
export class Disturbed extends Error {
  override readonly name = "Disturbed";
}

/** Fails the check unless it holds. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}
