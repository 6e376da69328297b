import type { CheckItem, JobItem, RunItem } from "../../shared/store/items.ts";

/**
 * Where an attempt's processes are, as its own host knows it. `over`: none will start any more, and there is no result.
 * `spent`: over, and whatever a holder may ever say has been said: used for attempts that hold nothing, so that every
 * late word of theirs is tried against the table.
 */
export type Processes = "none" | "running" | "ended_ok" | "ended_failed" | "over" | "spent";

/** One grant, with what its runner knows and what its host does. A runner that crashes is one that does nothing more. */
export interface Attempt {
  readonly jobId: string;
  readonly fence: number;
  readonly claimId: string;
  readonly runner: string;
  readonly grantedAtMs: number;
  /** The runner has its grant. */
  readonly told: boolean;
  /** The runner has the answer to its first renewal. */
  readonly acked: boolean;
  readonly processes: Processes;
  /** Until when, in true time, the watchdog may at worst let processes live. */
  readonly fencedByMs: number;
  /** A reconciler has seen its lease expired, and may still write so at any later time. */
  readonly expirySeen: boolean;
  /** The same for its timeout. */
  readonly timeoutSeen: boolean;
}

/** One run with its items and its attempts. */
export interface Group {
  readonly run: RunItem;
  readonly jobs: readonly JobItem[];
  readonly checks: readonly CheckItem[];
  readonly attempts: readonly Attempt[];
}

/** Ticks in flight: their seqs. The network is a growing set, so none is ever taken out. */
export interface Ticks {
  readonly sent: readonly number[];
  /** Seqs that were passed on, each time it happened. */
  readonly passed: readonly number[];
  /** Seqs of applied passes whose reconciler has not yet sent the next: it may, or die. */
  readonly owed: readonly number[];
}

/** The whole world: the table, the hosts, the clock, and what the user may still do. */
export interface State {
  readonly nowMs: number;
  readonly groups: readonly Group[];
  readonly cancelsLeft: number;
  readonly rerunsLeft: number;
  readonly ticks: Ticks | undefined;
}
