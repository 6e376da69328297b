import {
  ARTIFACTS_PER_ATTEMPT_MAX,
  COMPLETION_BYTES_MAX,
  LOSS_LENGTH_MAX,
  LOSSES_MAX,
} from "../shared/domain/limits.ts";
import { cut } from "../shared/lib/cut.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { bucketRequest } from "../shared/lib/request-meter.ts";
import { type Artifact, type Completion, completionBytes } from "../shared/protocol/products.ts";
import { type Attempt, trouble } from "./attempt-state.ts";
import type { AttemptEnd } from "./events.ts";
import type { Interruption } from "./interruptions.ts";
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
      return complete(attempt, ending, interruption !== undefined);
  }
}

async function release(attempt: Attempt, reason: ReleaseReason): Promise<AttemptEnd> {
  const { clock } = attempt.deps;
  const untilMs = Math.min(attempt.held.deadline.expiresAtMs, clock.monotonicMs() + RELEASE_MAX_MS);
  const answer = await persist(() => attempt.lease.release(reason), { untilMs, clock });
  return endOf(answer, "released");
}

async function acknowledgeStop(attempt: Attempt, { log }: Ending, byMs: number): Promise<AttemptEnd> {
  const { clock } = attempt.deps;
  // AbortSignal.timeout takes whole milliseconds only; the boot clock's sums are not.
  const sealMs = Math.max(0, Math.floor(byMs - clock.monotonicMs() - STOP_ANSWER_MS));
  const seal = await log.seal(AbortSignal.timeout(sealMs));
  const untilMs = attempt.held.deadline.expiresAtMs;
  const answer = await persist(() => attempt.lease.cancelAck(seal), { untilMs, clock });
  return endOf(answer, "stopped");
}

async function complete(attempt: Attempt, ending: Ending, timedOut: boolean): Promise<AttemptEnd | "overruled"> {
  const { deps, lease, interruptions, hardDeadlineAtMs, progress } = attempt;
  const signal = interruptions.uploads;
  progress.phase = "uploading";
  const [seal, collected] = await Promise.all([ending.log.seal(signal), uploadArtifacts(attempt, signal)]);
  if (signal.aborted) return "overruled";
  const completion = fitted({
    ...outcomeOf(attempt, ending.work, timedOut),
    log: seal,
    artifacts: collected.artifacts,
    losses: [...ending.log.losses(), ...collected.losses],
    checks: [],
  });
  const limits = { untilMs: hardDeadlineAtMs, clock: deps.clock, signal };
  const answer = await persist(() => lease.complete(completion), limits);
  if (answer.kind === "gave_up" && signal.aborted) return "overruled";
  return endOf(answer, completion.outcome);
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

/** What cannot be collected or uploaded is a loss that is said, and does not change how the job ended. */
async function uploadArtifacts(
  attempt: Attempt,
  signal: AbortSignal,
): Promise<{ artifacts: Artifact[]; losses: string[] }> {
  const { deps, granted, execution, lease, hardDeadlineAtMs } = attempt;
  const patterns = granted.spec.artifacts.paths;
  if (patterns.length === 0) return { artifacts: [], losses: [] };
  const losses: string[] = [];
  try {
    const { workspace, archives } = execution.folders;
    const collected = await deps.io.collectArtifacts({ workspace, patterns, spoolDir: archives, signal });
    losses.push(...collected.warnings);
    if (collected.archive === undefined) return { artifacts: [], losses };
    const { file, artifact } = collected.archive;
    const { name, bytes, sha256 } = artifact;
    const ask = () => lease.uploads([{ kind: "artifact", name, bytes, sha256 }], { signal });
    // A moment without an answer must not cost a job its artifacts.
    const asked = await persist(ask, { untilMs: hardDeadlineAtMs, clock: deps.clock, signal });
    if (asked.kind === "stale") throw new Error("the lease is not ours any more");
    if (asked.kind === "gave_up") throw asked.cause;
    const [request] = asked.reply;
    if (request === undefined) throw new Error("the control plane answered no link");
    deps.meter(bucketRequest("PutObject"));
    await deps.io.uploadFile(request, file, bytes, signal);
    return { artifacts: [artifact].slice(0, ARTIFACTS_PER_ATTEMPT_MAX), losses };
  } catch (error) {
    losses.push(`the artifacts were lost: ${messageOf(error)}`);
    return { artifacts: [], losses };
  }
}
