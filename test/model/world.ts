import type { Predicate } from "../../shared/domain/predicate.ts";
import type { Rules } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** One job of a small world. */
export interface WorldJob {
  readonly id: string;
  readonly needs?: Predicate;
  readonly checks?: readonly string[];
  readonly allowFailure?: boolean;
  readonly retries?: { readonly failed: number; readonly lost: number };
}

/** A small world: what there is, what may happen, and so what its exploration does not cover. */
export interface World {
  readonly name: string;
  readonly title: string;
  readonly jobs: readonly WorldJob[];
  readonly runners: readonly string[];
  /** The step of the clock. All limits keep their real values. Undefined: no time passes. */
  readonly unitMs: number | undefined;
  readonly cancels: number;
  readonly reruns: number;
  /** The job's own timeout; the control plane's comes later (due-actions.ts). Undefined: far away. */
  readonly jobTimeoutMs?: number;
  /** The run's hard deadline after its birth, in place of the real one. Undefined: far away. */
  readonly runDeadlineMs?: number;
  /** How long a job may stay queued, in place of the real time. Undefined: far away. */
  readonly queueTimeoutMs?: number;
  /** The run is of a fork's commit: born held, until somebody approves that very commit. */
  readonly fork?: boolean;
  /** Ticks are messages of their own; otherwise a reconcile may happen at any moment. */
  readonly ticks?: boolean;
  /** No heartbeats: where time stands still they change nothing. */
  readonly heartbeats: boolean;
  /** Handlers may hold a clock reading for so long before they write. */
  readonly staleMs: number;
  /** Jobs that only differ in their names: states that are equal but for these are one. */
  readonly alike?: readonly string[];
  /** What is smaller under `--quick`. */
  readonly quick?: Partial<Omit<World, "name" | "quick">>;
  /** What is bounded or left out, for the report. */
  readonly bounds: readonly string[];
}

/** What the steps of one exploration look at. */
export interface Context {
  readonly world: World;
  readonly tables: Tables;
  readonly rules: Rules;
  /** Every row that was accepted at least once, for the proof that a world is not empty talk. */
  readonly applied: Set<string>;
}
