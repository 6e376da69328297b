import type { AttemptView, JobView, RunView } from "../../shared/protocol/runs.ts";

/** Output of an attempt that cannot be shown, and why. `bytes` is undefined where nobody knows how much it was. */
export interface ShownGap {
  readonly bytes: number | undefined;
  readonly reason: string;
}

type Told = void | Promise<void>;

/**
 * What a follower tells, for one job in this order: queued, then for each attempt started, output and gaps, ended; at
 * last the job's end. Different jobs interleave. A promise holds the follower back.
 */
export interface FollowSink {
  jobQueued(job: JobView): Told;
  attemptStarted(job: JobView, attempt: AttemptView): Told;
  output(job: JobView, bytes: Uint8Array): Told;
  gap(job: JobView, gap: ShownGap): Told;
  attemptEnded(job: JobView, attempt: AttemptView): Told;
  jobEnded(job: JobView): Told;
  /** The run moved to another state; the first sight of it is told too. With the jobs that are followed, once they are known. */
  runMoved(run: RunView, jobIds: readonly string[]): Told;
}
