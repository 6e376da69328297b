import type { Predicate } from "../../../shared/domain/predicate.ts";
import type { JobItem } from "../../../shared/store/items.ts";

/** What ended jobs mean to others, said again and otherwise than shared/domain/verdict.ts and predicate.ts say it. */

export const ENDED_JOB = new Set(["succeeded", "failed", "timed_out", "canceled", "skipped", "lost"]);
export const ENDED_RUN = new Set(["succeeded", "failed", "errored", "timed_out", "canceled", "plan_failed"]);

type Answer = "passed" | "failed" | "errored";

/** What a dependent must be told of an ended job. */
export function tellingOf({ state, allowFailure }: JobItem): string {
  if (state === "canceled" || state === "skipped") return state;
  if (state === "succeeded" || allowFailure) return "passed";
  return state === "lost" ? "lost" : "failed";
}

/** How many members of a group have passed, could still, and so whether the group holds for good. */
export function needsHold(needs: Predicate, jobs: ReadonlyMap<string, JobItem>): "yes" | "no" | "open" {
  if ("need" in needs) {
    const job = jobs.get(needs.need);
    if (job === undefined || !ENDED_JOB.has(job.state)) return "open";
    return tellingOf(job) === "passed" ? "yes" : "no";
  }
  const answers = needs.of.map((member) => needsHold(member, jobs));
  const short = needs.atLeast - answers.filter((answer) => answer === "yes").length;
  if (short <= 0) return "yes";
  return answers.filter((answer) => answer === "open").length < short ? "no" : "open";
}

/** The verdict of a run whose jobs have all ended. */
export function verdictOf(jobs: readonly JobItem[]): "succeeded" | "failed" | "errored" {
  const own = jobs.filter((job) => Object.keys(job.checks).length === 0).map(answerOfJob);
  const names = new Set(jobs.flatMap((job) => Object.keys(job.checks)));
  const named = [...names].map((name) =>
    worst(jobs.filter((job) => Object.keys(job.checks).includes(name)).map(answerToCheck)),
  );
  return ({ passed: "succeeded", failed: "failed", errored: "errored" } as const)[worst([...own, ...named])];
}

function worst(answers: readonly Answer[]): Answer {
  if (answers.includes("failed")) return "failed";
  return answers.includes("errored") ? "errored" : "passed";
}

/** A job that was skipped says nothing of its own: what it needed has said it. */
function answerOfJob({ state, allowFailure }: JobItem): Answer {
  if (allowFailure || state === "succeeded" || state === "skipped" || state === "canceled") return "passed";
  return state === "lost" ? "errored" : "failed";
}

/** A named check that nobody could answer is errored. */
export function answerToCheck(job: JobItem): Answer {
  const told = tellingOf(job);
  if (told === "passed") return "passed";
  return told === "failed" ? "failed" : "errored";
}
