import type { AttemptView, History, JobView } from "../../shared/protocol/runs.ts";
import type { TellTime } from "./tell-time.ts";

/** One sentence or two per attempt: when, where, how it ended, and what that cost of which budget. */
export function explainAttempts(job: JobView, time: TellTime): string[] {
  const attempts = [...job.attempts].sort((a, b) => a.fence - b.fence);
  return attempts.map((attempt, index) => {
    const isLast = index === attempts.length - 1;
    return `Attempt ${index + 1} ${begin(attempt, time)}${end(job, attempt, time)}${budget(job, attempt, isLast)}`;
  });
}

function begin(attempt: AttemptView, time: TellTime): string {
  if (attempt.startedAtMs !== undefined)
    return `started at ${time.at(attempt.startedAtMs)} on runner ${attempt.runner}`;
  return `was claimed at ${time.at(attempt.grantedAtMs)} by runner ${attempt.runner}, and never began`;
}

function end(job: JobView, attempt: AttemptView, time: TellTime): string {
  const { end } = attempt;
  if (end === undefined) return " and has not ended.";
  const took = time.span(end.atMs - (attempt.startedAtMs ?? attempt.grantedAtMs));
  const at = `at ${time.at(end.atMs)}, after ${took}`;
  switch (end.outcome) {
    case "succeeded":
      return ` and succeeded ${at}.`;
    case "failed":
      return ` and failed ${at}${why(attempt)}.`;
    case "timed_out":
      return ` and was stopped at its time limit ${at}${why(attempt)}.`;
    case "canceled":
      return ` and was canceled ${at}.`;
    case "lost":
      if (end.failure !== undefined) return `, and was given back ${at}${why(attempt)}.`;
      return `, and was lost ${at}: ${howLost(job.history, attempt.fence)}.`;
  }
}

/** What a lease was given back for; the protocol's release names the reason. */
const RELEASES: Readonly<Record<string, string>> = {
  drain: "its runner was stopped, and gave it back",
  runner_lost: "its runner died; the watchdog ended the steps and gave it back",
  workspace_failed: "its runner could not prepare the workspace, and gave it back",
  deadline_passed: "its runner could not renew the lease in time; the watchdog ended the steps and gave it back",
};

/** A lease ends without a result in two ways, and history knows which. */
function howLost(history: History, fence: number): string {
  const of = (...moves: string[]) => moves.map((move) => history[`${fence}.${move}`]).find((entry) => entry);
  const released = of("release", "releaseSpent");
  if (released !== undefined) return RELEASES[released.reason ?? ""] ?? "its runner gave it back";
  if (of("expire", "expireSpent") !== undefined) return "its runner was silent until the lease expired";
  return "the runner went away or gave it back, or its lease expired";
}

function why(attempt: AttemptView): string {
  const { failure, signal, exitCode } = attempt.end ?? {};
  if (failure !== undefined) {
    const kind = failure.class === "user" ? "" : ` (${failure.class})`;
    return `: ${failure.message.replace(/\.$/, "")}${kind}`;
  }
  if (signal !== undefined) return `: killed by ${signal}`;
  return exitCode === undefined ? "" : `: exit code ${exitCode}`;
}

/** Which budget paid for another attempt: never the user's for a loss. */
function budget(job: JobView, attempt: AttemptView, isLast: boolean): string {
  const outcome = attempt.end?.outcome;
  if (outcome === undefined || outcome === "succeeded" || outcome === "canceled") return losses(attempt);
  const tried = !isLast || job.state === "queued";
  if (!tried) return losses(attempt);
  if (outcome === "lost") {
    return ` It was queued again: the loss budget has ${job.left.lost} left now, your retries were not touched.`;
  }
  return ` It was queued again: ${count(job.left.failed, "retry is", "retries are")} left now.${losses(attempt)}`;
}

function losses(attempt: AttemptView): string {
  const lost = attempt.end?.losses ?? [];
  return lost.length === 0 ? "" : ` Not kept: ${lost.join("; ")}.`;
}

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
