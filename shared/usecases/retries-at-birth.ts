import { isJobEnded } from "../domain/verdict.ts";
import type { JobItem } from "../store/items.ts";

/** A job's budgets as they were at its birth: what is left, and what each attempt that was queued again has taken. */
export function retriesAtBirth(
  job: Pick<JobItem, "state" | "reason" | "attempts" | "left" | "inheritedFrom">,
): JobItem["left"] {
  // A job that was taken over brought its attempts from another run: they took nothing from this one's budget.
  if (job.inheritedFrom !== undefined) return { ...job.left };
  const ends = Object.values(job.attempts).map((attempt) => attempt.end?.outcome);
  // Only a job that ends without a holder has a reason of its own; any other was ended by its last attempt.
  const endedByAttempt = isJobEnded(job.state) && job.reason === undefined;
  const queuedAgain = endedByAttempt ? ends.slice(0, -1) : ends;
  const lost = queuedAgain.filter((outcome) => outcome === "lost").length;
  const failed = queuedAgain.filter((outcome) => outcome === "failed" || outcome === "timed_out").length;
  return { failed: job.left.failed + failed, lost: job.left.lost + lost };
}
