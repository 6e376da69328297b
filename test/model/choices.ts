import {
  chooseCancel,
  chooseCompletion,
  chooseExpiry,
  chooseRelease,
  chooseStopped,
  chooseTimeout,
  type JobMove,
  type JobSeen,
} from "../../shared/domain/choose-job-move.ts";
import { JOB_STATES } from "../../shared/domain/job-moves.ts";
import type { JobMoveName } from "./tables.ts";

type Choice = (seen: JobSeen | undefined) => JobMove | undefined;

const FENCE = 1;
const STOP_REASONS = ["cancel", "timeout", "superseded"];
const COUNTS = [0, 1];

/** Every item that a chooser may have seen, also one that is stale by now. */
const SEEN: readonly (JobSeen | undefined)[] = [
  undefined,
  ...JOB_STATES.flatMap((state) =>
    COUNTS.flatMap((failed) =>
      COUNTS.flatMap((lost) =>
        STOP_REASONS.map((reason) => ({ state, fence: FENCE, left: { failed, lost }, stop: { reason } })),
      ),
    ),
  ),
];

/**
 * Every row that a real chooser can ever choose. A handler reads, chooses and writes at three moments, so each of these
 * may be written at any time: the row's own guards must decide.
 */
function imageOf(choose: Choice): readonly JobMoveName[] {
  return [...new Set(SEEN.flatMap((seen) => choose(seen)?.name ?? []))] as JobMoveName[];
}

export const CHOICES = {
  succeeded: imageOf(chooseCompletion("succeeded")),
  failed: imageOf(chooseCompletion("failed")),
  timed_out: imageOf(chooseCompletion("timed_out")),
  release: imageOf(chooseRelease),
  stopped: imageOf(chooseStopped),
  expiry: imageOf(chooseExpiry),
  timeout: imageOf(chooseTimeout(FENCE)),
  cancel: imageOf(chooseCancel),
} as const;
