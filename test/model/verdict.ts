import { entryOf } from "../../shared/domain/entry.ts";
import type { JobItem } from "../../shared/store/items.ts";
import type { Group } from "./state.ts";

type Answer = "passed" | "failed" | "errored";

/** What a run must answer, said again from the ends of its jobs alone: nothing of shared/domain/verdict.ts, no tally. */
export function expectedVerdict({ jobs }: Pick<Group, "jobs">): "succeeded" | "failed" | "errored" {
  const own = jobs.filter((job) => Object.keys(job.checks).length === 0).map(answerOfJob);
  const names = [...new Set(jobs.flatMap((job) => Object.keys(job.checks)))];
  const named = names.map((name) => together(jobs.filter((job) => entryOf(job.checks, name)).map(answerToCheck)));
  return { passed: "succeeded", failed: "failed", errored: "errored" }[together([...own, ...named])] as "succeeded";
}

/** One failure decides; else one that nobody could answer. */
function together(answers: readonly Answer[]): Answer {
  if (answers.includes("failed")) return "failed";
  return answers.includes("errored") ? "errored" : "passed";
}

/** A skipped job of its own check says nothing: what it needed has said it. */
function answerOfJob({ state, allowFailure }: JobItem): Answer {
  if (allowFailure || state === "succeeded" || state === "skipped") return "passed";
  return state === "failed" || state === "timed_out" ? "failed" : "errored";
}

/** A named check that a job was to answer and did not is errored, also where the job was skipped. */
function answerToCheck(job: JobItem): Answer {
  return job.state === "skipped" ? "errored" : answerOfJob(job);
}
