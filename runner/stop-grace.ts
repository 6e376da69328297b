import { KILL_GRACE_MS } from "../shared/domain/limits.ts";
import type { Clock } from "../shared/lib/clock.ts";
import type { Interruption } from "./interruptions.ts";
import type { Work } from "./run-steps.ts";

/** What a step left in the background after the last step gets to end by itself. */
const LEFTOVER_GRACE_MS = 1_000;
/** How much of the time until the control plane must hear is for ending processes; the rest is for the log. */
const GRACE_SHARE = 0.5;

/** Between SIGTERM and SIGKILL, in milliseconds, for what of an attempt still runs. */
export function graceMs(work: Work, interruption: Interruption | undefined, clock: Clock): number {
  switch (interruption?.kind) {
    case undefined:
      return work.kind === "failed" && work.alive ? KILL_GRACE_MS : LEFTOVER_GRACE_MS;
    case "job_timeout":
      return KILL_GRACE_MS;
    case "drain":
      return interruption.graceMs;
    case "stop":
      return Math.max(0, Math.min(KILL_GRACE_MS, (interruption.byMs - clock.monotonicMs()) * GRACE_SHARE));
    case "stale":
    case "fenced":
    case "executor_died":
      return 0;
  }
}
