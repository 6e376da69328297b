import { type Predicate, sourcesOf } from "../../shared/domain/predicate.ts";
import type { JobView, RunView } from "../../shared/protocol/runs.ts";
import { lastAttempt } from "../print/announce.ts";
import { printBytes } from "../print/duration.ts";
import { explainAttempts } from "./explain-attempts.ts";
import { explainHistory } from "./explain-history.ts";
import type { TellTime } from "./tell-time.ts";

/**
 * Says in sentences why a job stands where it does: first how it stands, then each attempt, then who moved it. Pure:
 * from the job, its siblings (for the needs) and a clock.
 */
export function explainJob(job: JobView, jobs: readonly JobView[], time: TellTime, run?: RunView): string[] {
  return [...explainState(job, jobs, time, run), ...explainAttempts(job, time), ...explainHistory(job.history, time)];
}

function explainState(job: JobView, jobs: readonly JobView[], time: TellTime, run: RunView | undefined): string[] {
  switch (job.state) {
    case "waiting":
      return [`${job.id} waits for ${describeNeeds(job, jobs)}.`];
    case "held":
      return [explainHeld(job, run)];
    case "queued":
      return explainQueued(job, time);
    case "leased":
      return [`${job.id} was claimed by ${holderOf(job)}; no step has started yet. ${leaseOf(job, time)}`];
    case "running":
      return [`${job.id} runs on ${holderOf(job)}${phaseOf(job)}. ${leaseOf(job, time)}`];
    case "stopping":
      return [explainStopping(job, time)];
    case "skipped":
      return [`${job.id} was skipped${endedAt(job, time)}, since ${blockersOf(job, jobs)}.`];
    case "canceled":
      return [`${job.id} was canceled${endedAt(job, time)}${because(job.reason)}.`];
    case "lost":
      return [explainLost(job, time)];
    default:
      return [explainEnd(job, time)];
  }
}

function explainHeld(job: JobView, run: RunView | undefined): string {
  const approval = run?.approval;
  if (approval === undefined)
    return `${job.id} is held: its needs are met, but an approval or a free slot is not there yet.`;
  if (approval.atMs !== undefined) return `${job.id} is held: its run is approved, and it is about to be queued.`;
  return `${job.id} is held: waits for approval. \`baton runs approve ${job.runId} --sha ${approval.sha}\` lets it run.`;
}

function explainQueued(job: JobView, time: TellTime): string[] {
  const sinceMs = job.queuedAtMs ?? job.createdAtMs;
  const again = job.attempts.length === 0 ? "" : " again";
  const until =
    job.queueDeadlineMs === undefined
      ? ""
      : ` It may wait until ${time.at(job.queueDeadlineMs)}; then it counts as lost.`;
  return [
    `${job.id} was queued${again} at ${time.at(sinceMs)}; nobody in pool \`${job.pool}\` has claimed it for ${time.span(time.nowMs - sinceMs)}.${until}`,
    `A free runner of pool \`${job.pool}\` takes it: \`baton runner --pool ${job.pool}\` starts one.`,
  ];
}

function explainStopping(job: JobView, time: TellTime): string {
  const { stop } = job;
  if (stop === undefined) return `${job.id} is being stopped.`;
  return (
    `${job.id} was asked to stop at ${time.at(stop.atMs)} (${stop.reason}). Its runner, ${job.lease?.runner ?? "unknown"}, must say that ` +
    `the processes are gone; if it does not, the lease ends by ${time.at(stop.deadlineMs)} and the job with it.`
  );
}

function explainLost(job: JobView, time: TellTime): string {
  if (job.attempts.length === 0) {
    const waited =
      job.queuedAtMs === undefined || job.endedAtMs === undefined
        ? ""
        : ` in ${time.span(job.endedAtMs - job.queuedAtMs)}`;
    return `${job.id} was lost${endedAt(job, time)}: no runner of pool \`${job.pool}\` came for it${waited}. That is the infrastructure's failure, not the job's.`;
  }
  const failure = lastAttempt(job)?.end?.failure;
  if (failure !== undefined)
    return `${job.id} was lost${endedAt(job, time)}: it was given back ${times(lostCount(job))}, and its loss budget is spent. The last time: ${failure.message}. That is the infrastructure's failure, not the job's.`;
  return `${job.id} was lost${endedAt(job, time)}: its runners went away ${times(lostCount(job))}, and its loss budget is spent. That is the infrastructure's failure, not the job's.`;
}

function explainEnd(job: JobView, time: TellTime): string {
  const tries = job.attempts.length === 1 ? "in its first attempt" : `after ${job.attempts.length} attempts`;
  const state = job.state.replace("_", " ");
  const spent = job.state === "succeeded" || job.left.failed > 0 ? "" : " No retries are left.";
  const allowed =
    job.allowFailure && job.state !== "succeeded" ? " Its failure is allowed: the run does not fail by it." : "";
  return `${job.id} ${state}${endedAt(job, time)}, ${tries}.${spent}${allowed}`;
}

/** `test (running) and lint (queued)`; with a threshold, how many are enough. */
function describeNeeds(job: JobView, jobs: readonly JobView[]): string {
  if (job.needs === undefined) return "nothing: it is about to be queued";
  const open = sourcesOf(job.needs).filter((source) => job.resolved[source] === undefined);
  if (open.length === 0) return "nothing any more: its needs have ended, and it is about to move on";
  const named = listed(open.map((id) => `${id} (${jobs.find((other) => other.id === id)?.state ?? "unknown"})`));
  return `${named}${thresholdOf(job.needs)}`;
}

function thresholdOf(needs: Predicate): string {
  if ("need" in needs || needs.atLeast === needs.of.length) return "";
  return `; ${needs.atLeast} of its ${needs.of.length} needs are enough`;
}

function blockersOf(job: JobView, jobs: readonly JobView[]): string {
  const bad = Object.entries(job.resolved).filter(([, outcome]) => outcome !== "passed");
  if (bad.length === 0) return job.reason ?? "its needs can no longer be met";
  const named = bad.map(([id, outcome]) => {
    const state = jobs.find((other) => other.id === id)?.state.replace("_", " ") ?? outcome;
    return `${id} ${state === "lost" || state === "skipped" || state === "canceled" ? "was " : ""}${state}`;
  });
  return listed(named);
}

export function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

const holderOf = (job: JobView): string => `runner ${job.lease?.runner ?? "unknown"}`;
/** As the last heartbeat told. Between two of them "starting" is mostly over already: only what lasts is told. */
function phaseOf({ phase, lease }: JobView): string {
  if (phase === "uploading") return " (uploading)";
  if (phase !== "running" || lease?.step === undefined) return "";
  return ` (step ${lease.step + 1}, ${printBytes(lease.logBytes ?? 0)} of log)`;
}
const because = (reason: string | undefined): string => (reason === undefined ? "" : `: ${reason}`);
const lostCount = (job: JobView): number => job.attempts.filter((attempt) => attempt.end?.outcome === "lost").length;
const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

function endedAt(job: JobView, time: TellTime): string {
  return job.endedAtMs === undefined ? "" : ` at ${time.at(job.endedAtMs)}`;
}

function leaseOf(job: JobView, time: TellTime): string {
  if (job.lease === undefined) return "";
  const leftMs = job.lease.expiresAtMs - time.nowMs;
  const at = time.at(job.lease.expiresAtMs);
  if (leftMs >= 0) return `Its lease lives until ${at} unless it is renewed.`;
  return `Its lease expired at ${at}, ${time.span(-leftMs)} ago: the reconciler is about to take it back.`;
}
