import type { HeartbeatAck } from "../shared/protocol/leases.ts";

/** Why an attempt is ended from outside its steps. */
export type Interruption =
  /** The job's own timeout: the runner stops the steps and reports `timed_out`. */
  | { readonly kind: "job_timeout" }
  /** The runner is shutting down: give the lease back. */
  | { readonly kind: "drain"; readonly graceMs: number }
  /** The control plane asks for it; it must hear of the end by `byMs` on the boot clock. */
  | { readonly kind: "stop"; readonly reason: NonNullable<HeartbeatAck["stop"]>["reason"]; readonly byMs: number }
  /** The executor died and ended the steps with it: give the lease back. */
  | { readonly kind: "executor_died"; readonly clean: boolean }
  /** The lease is not ours any more: kill now, say nothing. */
  | { readonly kind: "stale" }
  /** The deadline passed, and the watchdog has killed: say nothing. */
  | { readonly kind: "fenced" };

/** What each kind overrules: those before it. A timeout leaves the lease ours, so uploads go on; any other does not. */
const RANKS = { job_timeout: 1, drain: 2, stop: 3, executor_died: 4, stale: 5, fenced: 6 } as const;

/** One attempt's interruptions: the strongest so far, and two signals for what must react. */
export interface Interruptions {
  raise(interruption: Interruption): void;
  current(): Interruption | undefined;
  /** Aborted by any: the steps must end. */
  readonly steps: AbortSignal;
  /** Aborted by all but the job's own timeout: uploading has no more point. */
  readonly uploads: AbortSignal;
}

export function makeInterruptions(): Interruptions {
  const steps = new AbortController();
  const uploads = new AbortController();
  let strongest: Interruption | undefined;
  return {
    raise(interruption) {
      if (strongest !== undefined && RANKS[strongest.kind] >= RANKS[interruption.kind]) return;
      strongest = interruption;
      steps.abort();
      if (interruption.kind !== "job_timeout") uploads.abort();
    },
    current: () => strongest,
    steps: steps.signal,
    uploads: uploads.signal,
  };
}
