/** Between two looks at a run: short while things move, longer while they do not. */
export const FOLLOW_MIN_MS = 100;
export const FOLLOW_MAX_MS = 1_000;
const FOLLOW_SLOWING = 1.5;
/** Each job whose log is read adds this much, so that a wide run does not flood the control plane. */
const FOLLOW_PER_LIVE_JOB_MS = 10;
/** A look reads every job of the run: about a kilobyte, and a millisecond of the control plane's time, each. */
const FOLLOW_PER_JOB_MS = 1;

/** How long to wait after a look that read `jobs` jobs, of which `liveJobs` have a living log. Milliseconds. */
export function followDelayMs(look: {
  readonly jobs: number;
  readonly liveJobs: number;
  readonly moved: boolean;
  readonly lastMs: number;
}): number {
  const floorMs = FOLLOW_MIN_MS + FOLLOW_PER_LIVE_JOB_MS * look.liveJobs + FOLLOW_PER_JOB_MS * look.jobs;
  return look.moved ? floorMs : Math.max(floorMs, Math.min(FOLLOW_MAX_MS, look.lastMs * FOLLOW_SLOWING));
}
