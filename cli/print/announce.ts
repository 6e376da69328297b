import { checkAnswerOf, isJobEnded, needOutcomeOf } from "../../shared/domain/verdict.ts";
import type { AttemptView, CheckView, JobView } from "../../shared/protocol/runs.ts";
import type { ShownGap } from "../follow/follow-sink.ts";
import { printBytes, printDuration } from "./duration.ts";

/** The lines between the output: what happened to a job, in a few words. */

export type Tone = "good" | "bad" | "quiet";

export interface Announcement {
  readonly mark: string;
  readonly text: string;
  readonly tone: Tone;
}

export function announceQueued(job: JobView): Announcement {
  return { mark: "○", text: `queued in pool ${job.pool}`, tone: "quiet" };
}

export function announceStart(job: JobView, attempt: AttemptView): Announcement {
  const nth = attemptNumber(job, attempt);
  return { mark: "●", text: nth === 1 ? "started" : `attempt ${nth} started${afterWhat(job, attempt)}`, tone: "quiet" };
}

/** Undefined for the attempt that ended the job: its end is the job's. */
export function announceAttemptEnd(job: JobView, attempt: AttemptView): Announcement | undefined {
  if (attempt.end === undefined) return undefined;
  if (isJobEnded(job.state) && lastAttempt(job)?.fence === attempt.fence) return undefined;
  const nth = attemptNumber(job, attempt);
  const text = `attempt ${nth} ${attempt.end.outcome}${whyAttempt(attempt)}; queued again`;
  return { mark: "↻", text: attempt.end.outcome === "canceled" ? `attempt ${nth} canceled` : text, tone: "bad" };
}

export function announceJobEnd(job: JobView): Announcement {
  const last = lastAttempt(job);
  const took =
    last?.end === undefined ? "" : ` in ${printDuration(last.end.atMs - (last.startedAtMs ?? last.grantedAtMs))}`;
  const why = whyJob(job);
  if (job.inheritedFrom !== undefined)
    return { mark: "✔", text: `${job.state.replace("_", " ")}, kept from ${job.inheritedFrom}`, tone: "quiet" };
  switch (job.state) {
    case "succeeded":
      return { mark: "✔", text: `succeeded${took}`, tone: "good" };
    case "skipped":
      return { mark: "–", text: `skipped${why}`, tone: "quiet" };
    case "canceled":
      return { mark: "–", text: `canceled${reasonOf(job)}`, tone: "quiet" };
    default:
      return { mark: "✘", text: `${job.state.replace("_", " ")}${took}${why}${allowed(job)}`, tone: "bad" };
  }
}

export function printGap(gap: ShownGap): string {
  const size = gap.bytes === undefined ? "some output" : `${printBytes(gap.bytes)} of output`;
  return `[${size} is not here: ${gap.reason.replaceAll("_", " ")}]`;
}

/** The answer of each check that the job reports to; a job without named checks answers its own. */
export function checkAnswers(job: JobView, checks: readonly CheckView[]): { name: string; answer: string }[] {
  if (job.checks.length === 0) return [{ name: job.id, answer: ownAnswer(job) }];
  return job.checks.map((name) => {
    const check = checks.find((one) => one.id === name);
    return { name, answer: check?.outcome ?? "waiting" };
  });
}

function ownAnswer(job: JobView): string {
  if (!isJobEnded(job.state) || job.state === "skipped" || job.state === "canceled") return job.state;
  return checkAnswerOf(needOutcomeOf(job), undefined);
}

/** The nth attempt, from 1. */
function attemptNumber(job: JobView, attempt: AttemptView): number {
  return job.attempts.filter((other) => other.fence <= attempt.fence).length;
}

export function lastAttempt(job: JobView): AttemptView | undefined {
  return job.attempts.reduce<AttemptView | undefined>(
    (last, attempt) => (last === undefined || attempt.fence > last.fence ? attempt : last),
    undefined,
  );
}

/** Why the job ended as it did, in the words of the attempt that ended it or of who ended it: `: exit code 3`. */
export function whyJob(job: JobView): string {
  const last = lastAttempt(job);
  return last === undefined || job.result?.fence !== last.fence ? reasonOf(job) : whyAttempt(last);
}

/** A failure that neither its check nor the run feels. */
export const isAllowed = (job: JobView): boolean =>
  job.allowFailure && (job.state === "failed" || job.state === "timed_out" || job.state === "lost");

/** What the attempt's end says about itself: `: exit code 3 in step test`. */
function whyAttempt(attempt: AttemptView): string {
  const { end } = attempt;
  if (end?.failure !== undefined) return `: ${end.failure.message}`;
  if (end?.signal !== undefined) return `: killed by ${end.signal}`;
  if (end?.exitCode !== undefined && end.exitCode !== 0) return `: exit code ${end.exitCode}`;
  return "";
}

function afterWhat(job: JobView, attempt: AttemptView): string {
  const before = job.attempts.filter((other) => other.fence < attempt.fence).at(-1);
  if (before?.end === undefined) return "";
  if (before.end.outcome !== "lost") return ` after ${before.end.outcome}`;
  return before.end.failure === undefined ? " after a lost runner" : " after it was given back";
}

const reasonOf = (job: JobView): string => (job.reason === undefined ? "" : `: ${job.reason}`);
const allowed = (job: JobView): string => (isAllowed(job) ? " (allowed)" : "");
