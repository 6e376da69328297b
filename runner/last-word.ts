import {
  ARTIFACTS_PER_ATTEMPT_MAX,
  COMPLETION_BYTES_MAX,
  LOSS_LENGTH_MAX,
  LOSSES_MAX,
} from "../shared/domain/limits.ts";
import { cut } from "../shared/lib/cut.ts";
import { isDiskFull } from "../shared/lib/disk-full.ts";
import type { Release } from "../shared/protocol/leases.ts";
import { type Completion, completionBytes } from "../shared/protocol/products.ts";
import { type Attempt, trouble } from "./attempt-state.ts";
import type { AttemptEnd } from "./events.ts";
import { FILLED_DISK, hasFilledDisk } from "./filled-disk.ts";
import type { Interruption } from "./interruptions.ts";
import type { Journal } from "./journal.ts";
import { keepArtifacts } from "./keep-artifacts.ts";
import { type Answer, persist, type ReleaseReason } from "./lease-calls.ts";
import type { AttemptLog } from "./products/log.ts";
import type { Work } from "./run-steps.ts";

/** Kept of the time until a stop must be answered, for the answer itself. */
const STOP_ANSWER_MS = 1_000;
/** How long a runner that is told to go tries to give its leases back. */
const RELEASE_MAX_MS = 5_000;

interface Ending {
  readonly work: Work;
  readonly log: AttemptLog;
  readonly journal: Journal;
  /** Whether all processes are gone. */
  readonly clean: boolean;
}

/** Tells the control plane how the attempt ended. All its processes are gone by now. */
export async function sayLastWord(attempt: Attempt, ending: Ending): Promise<AttemptEnd> {
  if (!ending.clean) {
    trouble(attempt, "the lease is left to expire", new Error("a process of the attempt could not be ended"));
    return "unclean";
  }
  if (ending.work.kind === "broken") trouble(attempt, "the attempt broke", ending.work.cause);
  const said = await sayFor(attempt, ending, attempt.interruptions.current());
  // Overruled while uploading, by a stop or by losing the lease: what counts now is that.
  if (said === "overruled") return overruled(attempt, ending);
  return said;
}

async function overruled(attempt: Attempt, ending: Ending): Promise<AttemptEnd> {
  const said = await sayFor(attempt, ending, attempt.interruptions.current());
  return said === "overruled" ? "unanswered" : said;
}

async function sayFor(
  attempt: Attempt,
  ending: Ending,
  interruption: Interruption | undefined,
): Promise<AttemptEnd | "overruled"> {
  switch (interruption?.kind) {
    case "stale":
    case "fenced":
      return interruption.kind;
    case "executor_died":
      return interruption.clean ? release(attempt, "runner_lost") : "unclean";
    case "drain":
      return release(attempt, "drain");
    case "stop":
      return acknowledgeStop(attempt, ending, interruption.byMs);
    case "job_timeout":
    case undefined:
      if (ending.work.kind === "broken") {
        await release(attempt, "workspace_failed");
        return "broken";
      }
      if (ending.work.kind === "lost") return giveBack(attempt, ending, ending.work);
      return complete(attempt, ending, interruption !== undefined);
  }
}

async function release(
  attempt: Attempt,
  reason: ReleaseReason,
  made: Pick<Release, "failure" | "log"> = {},
): Promise<AttemptEnd> {
  const { clock } = attempt.deps;
  const untilMs = Math.min(attempt.held.deadline.expiresAtMs, clock.monotonicMs() + RELEASE_MAX_MS);
  const answer = await persist(() => attempt.lease.release(reason, made), { untilMs, clock });
  return endOf(answer, "released");
}

/** With all that the attempt knows: its log says why, and so does its end. A full disk is this host's. */
async function giveBack(
  attempt: Attempt,
  { log, journal }: Ending,
  lost: Work & { kind: "lost" },
): Promise<AttemptEnd | "overruled"> {
  const signal = attempt.interruptions.uploads;
  trouble(attempt, "the attempt is given back", lost.cause);
  journal.end();
  const seal = await log.seal(signal);
  if (signal.aborted) return "overruled";
  const said = await release(attempt, lost.reason, { failure: lost.failure, log: seal });
  return said === "released" && isDiskFull(lost.cause) ? "broken" : said;
}

async function acknowledgeStop(attempt: Attempt, { log, journal }: Ending, byMs: number): Promise<AttemptEnd> {
  const { clock } = attempt.deps;
  // AbortSignal.timeout takes whole milliseconds only; the boot clock's sums are not.
  const sealMs = Math.max(0, Math.floor(byMs - clock.monotonicMs() - STOP_ANSWER_MS));
  journal.end();
  const seal = await log.seal(AbortSignal.timeout(sealMs));
  const untilMs = attempt.held.deadline.expiresAtMs;
  const answer = await persist(() => attempt.lease.cancelAck(seal), { untilMs, clock });
  return endOf(answer, "stopped");
}

async function complete(attempt: Attempt, ending: Ending, timedOut: boolean): Promise<AttemptEnd | "overruled"> {
  const { deps, lease, interruptions, hardDeadlineAtMs, progress } = attempt;
  const signal = interruptions.uploads;
  progress.phase = "uploading";
  // Before the log is sealed: it says what is not kept.
  const kept = await keepArtifacts(attempt, ending.journal, signal);
  if (signal.aborted) return "overruled";
  // A green job that lost all that it made would be found out by whoever needs it. Of one that failed, that is what counts.
  const isGreen = ending.work.kind === "succeeded" && !timedOut;
  const work = kept.lost !== undefined && isGreen ? await workOf(attempt, kept.lost) : ending.work;
  if (work.kind === "lost") return giveBack(attempt, ending, work);
  ending.journal.end();
  const seal = await ending.log.seal(signal);
  if (signal.aborted) return "overruled";
  const completion = fitted({
    ...outcomeOf(attempt, work, timedOut),
    log: seal,
    artifacts: kept.artifacts.slice(0, ARTIFACTS_PER_ATTEMPT_MAX),
    losses: [...ending.log.losses(), ...kept.losses],
    checks: [],
  });
  const limits = { untilMs: hardDeadlineAtMs, clock: deps.clock, signal };
  const answer = await persist(() => lease.complete(completion), limits);
  if (answer.kind === "gave_up" && signal.aborted) return "overruled";
  return endOf(answer, completion.outcome);
}

/** What is left of a green job's work whose artifacts are lost: where its own steps left no room for them, its failure. */
async function workOf(attempt: Attempt, lost: Work & { kind: "lost" }): Promise<Work> {
  if (!isDiskFull(lost.cause) || !(await hasFilledDisk(attempt))) return lost;
  return { kind: "failed", failure: { class: "user", message: `its artifacts are lost: ${FILLED_DISK}` } };
}

/** As much of the losses as the protocol takes; those of the log come first. */
export function fitted(completion: Completion): Completion {
  const losses = completion.losses.slice(0, LOSSES_MAX).map((line) => cut(line, LOSS_LENGTH_MAX));
  while (losses.length > 0 && completionBytes({ ...completion, losses }) > COMPLETION_BYTES_MAX) losses.pop();
  return { ...completion, losses };
}

function endOf(answer: Answer<string>, said: AttemptEnd): AttemptEnd {
  if (answer.kind === "ok") return said;
  return answer.kind === "stale" ? "stale" : "unanswered";
}

type Outcome = Pick<Completion, "outcome" | "exitCode" | "signal" | "failure">;

/** What the attempt's work means to the job. */
function outcomeOf({ granted }: Attempt, work: Work, timedOut: boolean): Outcome {
  if (timedOut) {
    const step = work.kind === "interrupted" && work.step !== undefined ? cut(work.step, 256) : undefined;
    const message = `the job ran longer than its timeout of ${granted.timeoutMs / 1_000} s`;
    return { outcome: "timed_out", failure: { class: "user", message, ...(step === undefined ? {} : { step }) } };
  }
  if (work.kind === "succeeded") return { outcome: "succeeded", exitCode: 0 };
  if (work.kind !== "failed") throw new Error(`an attempt whose work is ${work.kind} has no outcome`);
  const { failure, exitCode, signal } = work;
  return {
    outcome: "failed",
    failure,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
  };
}
