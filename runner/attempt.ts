import { randomBytes } from "node:crypto";
import { DomainError } from "../shared/domain/errors.ts";
import type { Clock } from "../shared/lib/clock.ts";
import { cut } from "../shared/lib/cut.ts";
import { isDiskFull } from "../shared/lib/disk-full.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { bucketRequest } from "../shared/lib/request-meter.ts";
import type { HeartbeatAck, LeaseGranted } from "../shared/protocol/leases.ts";
import { type Attempt, type AttemptDeps, trouble } from "./attempt-state.ts";
import type { AttemptEnd } from "./events.ts";
import type { OutputSink } from "./executors/executor.ts";
import { FILLED_DISK, hasFilledDisk } from "./filled-disk.ts";
import { findSecrets, type Secrets } from "./find-secrets.ts";
import { type FoundCredential, findSourceCredential } from "./find-source-credential.ts";
import { heartbeatLoop } from "./heartbeat-loop.ts";
import { InputError } from "./input-error.ts";
import type { Interruptions } from "./interruptions.ts";
import { type Journal, makeJournal } from "./journal.ts";
import { sayLastWord } from "./last-word.ts";
import { type LeaseCalls, makeLeaseCalls, persist, releaseCall } from "./lease-calls.ts";
import { leaseDeadline } from "./lease-deadline.ts";
import { DamagedFolders } from "./mend-folders.ts";
import type { AttemptLog } from "./products/log.ts";
import { runSteps, type Work } from "./run-steps.ts";
import { stepEnvironment } from "./step-environment.ts";
import { graceMs } from "./stop-grace.ts";
import { ToolingError } from "./tooling-error.ts";
import type { Deadline } from "./watchdog/protocol.ts";

/** Runs one granted attempt to its end. `claimedAtMs`: when the claim was sent, from which all its durations count. */
export async function runAttempt(
  deps: AttemptDeps,
  granted: LeaseGranted,
  claimedAtMs: number,
  interruptions: Interruptions,
): Promise<AttemptEnd> {
  const lease = makeLeaseCalls(deps.client, granted);
  const hardDeadlineAtMs = claimedAtMs + granted.hardDeadlineInMs;
  const deadline = leaseDeadline({ sentAtMs: claimedAtMs, ttlMs: granted.ttlMs, hardDeadlineAtMs });
  const cookie = `${granted.runId}/${granted.jobId}/${granted.fence}/${randomBytes(12).toString("hex")}`;
  const output: { sink: OutputSink } = { sink: () => undefined };
  const starting = deps.executor.start({
    ...deadline,
    cookie,
    place: placeOf(granted),
    pool: granted.pool,
    release: releaseCall(deps.client, granted),
    output: (bytes) => output.sink(bytes),
  });
  const acking = acknowledge(lease, deadline, deps.clock, interruptions);
  const [started, acked] = await Promise.allSettled([starting, acking]);
  if (started.status === "rejected") return giveBack(deps, granted, lease, deadline, started.reason);
  const execution = started.value;
  const held = { deadline };
  const progress = { phase: "starting" as const, step: 0 };
  const attempt = {
    deps,
    granted,
    lease,
    cookie,
    execution,
    interruptions,
    hardDeadlineAtMs,
    progress,
    held,
    freeRoom: {},
  };
  try {
    if (acked.status === "rejected") throw acked.reason;
    if (acked.value === undefined) return unacknowledged(attempt);
    return await holdAndWork(attempt, acked.value, output);
  } catch (error) {
    // Nothing of it may run on, whatever broke.
    const { clean } = await execution.stop(0);
    return clean ? await giveBack(deps, granted, lease, held.deadline, error) : "unclean";
  } finally {
    await execution.close().catch((error: unknown) => trouble(attempt, "the workspace could not be removed", error));
  }
}

const placeOf = ({ runId, jobId, spec }: LeaseGranted) => ({
  job: `${runId}/${jobId}`,
  from: spec.artifacts.from.map((job) => `${runId}/${job}`),
});

interface Acked {
  readonly ack: HeartbeatAck;
  readonly sentAtMs: number;
}

/** The first renewal, before which no step starts. Undefined where the lease is not ours any more. */
async function acknowledge(
  lease: LeaseCalls,
  deadline: Deadline,
  clock: Clock,
  interruptions: Interruptions,
): Promise<Acked | undefined> {
  let sentAtMs = clock.monotonicMs();
  const call = () => {
    sentAtMs = clock.monotonicMs();
    return lease.ack();
  };
  const answer = await persist(call, { untilMs: deadline.killAtMs, clock, signal: interruptions.uploads });
  if (answer.kind === "ok") return { ack: answer.reply, sentAtMs };
  return undefined;
}

/** No step has begun. A runner that is going says so; else the lease is another's, or runs out. */
async function unacknowledged({ deps, lease, interruptions, held }: Attempt): Promise<AttemptEnd> {
  if (interruptions.current()?.kind !== "drain") return "stale";
  const release = () => lease.release("drain");
  const answer = await persist(release, { untilMs: held.deadline.killAtMs, clock: deps.clock });
  return answer.kind === "ok" ? "released" : "unanswered";
}

/** Something broke that is not the job's: given back, for another runner or another time. */
async function giveBack(
  deps: AttemptDeps,
  granted: LeaseGranted,
  lease: LeaseCalls,
  deadline: Deadline,
  cause: unknown,
): Promise<AttemptEnd> {
  const message = `the attempt broke off: ${messageOf(cause)}`;
  deps.emit({ type: "trouble", message, run: granted.runId, job: granted.jobId });
  const release = () => lease.release("workspace_failed");
  await persist(release, { untilMs: deadline.expiresAtMs, clock: deps.clock });
  // Whatever was answered: what counts for the next claim is that this host broke it.
  return "broken";
}

/** From the first renewal on: heartbeats beside the work, then the last word. */
async function holdAndWork(attempt: Attempt, acked: Acked, output: { sink: OutputSink }): Promise<AttemptEnd> {
  const { deps, execution, interruptions, granted, hardDeadlineAtMs } = attempt;
  const [found, source] = await Promise.all([findSecrets(attempt), findSourceCredential(attempt)]);
  const { log, secrets } = openAttemptLog(attempt, found, source.masks, acked.ack.watched);
  const journal = makeJournal(log);
  output.sink = journal.sink;
  renewed(attempt, log, acked.ack, acked.sentAtMs);
  execution.lost.then(({ kind, clean }) => {
    interruptions.raise(kind === "fenced" ? { kind } : { kind, clean });
  }, noEnd);
  const timeoutInMs = hardDeadlineAtMs - granted.hardDeadlineInMs + granted.timeoutMs - deps.clock.monotonicMs();
  const timeout = setTimeout(() => interruptions.raise({ kind: "job_timeout" }), Math.max(0, timeoutInMs));
  const over = new AbortController();
  const beating = beat(attempt, log, over.signal);
  try {
    const warnings = [...log.warnings, secrets.warning, source.warning, ...execution.warnings].filter(
      (warning) => warning !== undefined,
    );
    for (const warning of warnings) journal.line(`warning: ${warning}`);
    const work = await doWork(attempt, journal, { secrets, source });
    clearTimeout(timeout);
    const stopped = await execution.stop(graceMs(work, interruptions.current(), deps.clock));
    const ended = stopped.clean ? await mendAfter(attempt, work, journal) : work;
    journal.close();
    return await sayLastWord(attempt, { work: ended, log, journal, clean: stopped.clean });
  } finally {
    clearTimeout(timeout);
    over.abort();
    journal.end();
    await Promise.all([beating, log.discard()]);
  }
}

/** The log, masking the secrets. Where they are too large for that, the attempt fails, without them, and says so. */
function openAttemptLog(
  attempt: Attempt,
  secrets: Secrets,
  masks: readonly string[],
  watched: boolean,
): { log: AttemptLog; secrets: Secrets } {
  const { lease, execution, deps, granted } = attempt;
  const open = (values: readonly string[]) =>
    deps.io.openLog({
      dir: execution.folders.spool,
      upload: (files) => lease.uploads(files),
      firstUpload: granted.firstLogUpload,
      secrets: values,
      clock: deps.clock,
      watched,
      put(request, object, signal) {
        deps.meter(bucketRequest("PutObject"));
        return deps.io.put(request, object, signal);
      },
    });
  try {
    return { log: open([...Object.values(secrets.values), ...masks]), secrets };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { log: open([]), secrets: { values: {}, missing: new ToolingError(error.message, { cause: error }) } };
  }
}

/** A renewal moves the deadline, and may carry the control plane's word to stop. */
function renewed(attempt: Attempt, log: AttemptLog, ack: HeartbeatAck, sentAtMs: number): void {
  const { execution, interruptions, hardDeadlineAtMs, held } = attempt;
  held.deadline = leaseDeadline({ sentAtMs, ttlMs: ack.ttlMs, hardDeadlineAtMs });
  execution.renew(held.deadline);
  log.setWatched(ack.watched);
  if (ack.stop === undefined) return;
  interruptions.raise({ kind: "stop", reason: ack.stop.reason, byMs: sentAtMs + ack.stop.inMs });
}

async function beat(attempt: Attempt, log: AttemptLog, signal: AbortSignal): Promise<void> {
  const { deps, granted, lease, progress, interruptions } = attempt;
  try {
    await heartbeatLoop(
      {
        heartbeatMs: granted.heartbeatMs,
        clock: deps.clock,
        nudge: deps.nudge,
        beat: (options) => lease.heartbeat({ ...progress, logBytes: log.bytes }, options),
        onAck: (ack, sentAtMs) => renewed(attempt, log, ack, sentAtMs),
        onStale: () => interruptions.raise({ kind: "stale" }),
      },
      signal,
    );
  } catch (error) {
    // A control plane that refuses heartbeats as such is not one that this runner can hold a lease of.
    trouble(attempt, "a heartbeat was refused", error);
    interruptions.raise({ kind: "drain", graceMs: 0 });
  }
}

/** Source, inputs, steps: what the job is there for. Whatever fails becomes data. */
async function doWork(
  attempt: Attempt,
  journal: Journal,
  { secrets, source }: { readonly secrets: Secrets; readonly source: FoundCredential },
): Promise<Work> {
  try {
    if (secrets.missing !== undefined) throw secrets.missing;
    await prepareWorkspace(attempt, journal, source);
    return await runAllSteps(attempt, journal, secrets.values);
  } catch (error) {
    if (attempt.interruptions.steps.aborted) return { kind: "interrupted" };
    if (error instanceof InputError) {
      journal.line(`${error.message}; this attempt is given back`);
      return { kind: "lost", reason: "inputs_lost", failure: error.failure, cause: error };
    }
    if (error instanceof DamagedFolders) return damaged(journal, error.message);
    if (isDiskFull(error) && (await hasFilledDisk(attempt))) return damaged(journal, FILLED_DISK);
    if (!(error instanceof ToolingError)) return { kind: "broken", cause: error };
    journal.line(error.message);
    return { kind: "failed", failure: { class: "tooling", message: cut(error.message, 1_000) } };
  }
}

/** What a step did to its own folders is its failure: another host would fare no better with it. */
function damaged(journal: Journal, message: string): Work {
  journal.line(message);
  return { kind: "failed", failure: { class: "user", message: cut(message, 1_000) } };
}

/**
 * The runner's rights to the folders, before it takes from them what is to be kept. A workspace that is gone fails a job
 * that has artifacts, and no other: it may well clear up behind itself.
 */
async function mendAfter(attempt: Attempt, work: Work, journal: Journal): Promise<Work> {
  const { deps, granted, execution } = attempt;
  if (attempt.freeRoom.before === undefined) return work;
  try {
    await deps.io.mendFolders(execution.folders);
  } catch (error) {
    if (!(error instanceof DamagedFolders)) trouble(attempt, "the attempt's folders could not be mended", error);
    else if (work.kind === "succeeded" && granted.spec.artifacts.paths.length > 0)
      return damaged(journal, `its artifacts are lost: ${error.message}`);
  }
  return work;
}

async function prepareWorkspace(attempt: Attempt, journal: Journal, { credential }: FoundCredential): Promise<void> {
  const { deps, granted, execution, interruptions } = attempt;
  const { workspace, archives } = execution.folders;
  const signal = interruptions.steps;
  if (granted.source !== undefined) {
    const { cacheDir, allowedRoots, host } = deps;
    await deps.io
      .checkout({
        source: granted.source,
        ...(credential === undefined ? {} : { credential }),
        into: workspace,
        cacheDir,
        allowedRoots,
        signal,
        report: journal.line,
        // What the operator passes on (a proxy, SSH_AUTH_SOCK) is for git as it is for steps.
        env: { PATH: host.path, ...host.passed },
      })
      .catch((cause: unknown) => {
        if (isDiskFull(cause)) throw cause;
        throw new ToolingError(messageOf(cause), { cause });
      });
  }
  const { from } = granted.spec.artifacts;
  if (from.length > 0)
    await deps.io.fetchInputs({
      from,
      ask: () => askForInputs(attempt, signal),
      workspace,
      archives,
      journal,
      meter: deps.meter,
      signal,
    });
}

/** Asks for the links until there is an answer: a moment without one must not cost an attempt. */
async function askForInputs({ deps, lease, hardDeadlineAtMs }: Attempt, signal: AbortSignal) {
  const limits = { untilMs: hardDeadlineAtMs, clock: deps.clock, signal };
  const answer = await persist(() => lease.inputs({ signal }), limits);
  if (answer.kind === "ok") return answer.reply;
  throw answer.kind === "gave_up" ? answer.cause : new Error("the lease is not ours any more");
}

async function runAllSteps(
  attempt: Attempt,
  journal: Journal,
  secrets: Readonly<Record<string, string>>,
): Promise<Work> {
  attempt.freeRoom.before = await attempt.deps.io.freeRoom(attempt.execution.folders.root);
  const { deps, granted, execution, cookie, interruptions, progress } = attempt;
  const context = { host: deps.host, granted, folders: execution.seen, secrets, cookie };
  return runSteps({
    steps: granted.spec.steps,
    execution,
    journal,
    clock: deps.clock,
    memoryKills: deps.io.memoryKills,
    mendFolders: deps.io.mendFolders,
    stepFolder: deps.io.stepFolder,
    writeScript: deps.io.writeScript,
    environmentOf: (step) => stepEnvironment(context, step),
    onStep: (index) => {
      progress.phase = "running";
      progress.step = index;
    },
    interrupted: interruptions.steps,
  });
}

/** `lost` never rejects. */
function noEnd(): void {}
