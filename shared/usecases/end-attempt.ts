import {
  attemptOutcomeOf,
  chooseCompletion,
  chooseExpiry,
  chooseRelease,
  chooseStopped,
  type JobMove,
  type JobSeen,
} from "../domain/choose-job-move.ts";
import { DomainError } from "../domain/errors.ts";
import type { Args } from "../domain/item.ts";
import { QUEUE_TIMEOUT_MS } from "../domain/limits.ts";
import { isJobEnded } from "../domain/verdict.ts";
import { taskResultOf } from "../metrics.ts";
import type { Completion, LogSeal } from "../protocol/products.ts";
import type { AttemptEnd, JobItem } from "../store/items.ts";
import { jobKey } from "../store/keys.ts";
import type { Cause } from "../store/store.ts";
import { applyChosen } from "./apply-chosen.ts";
import type { Deps } from "./deps.ts";
import { hintReport, offerJobs } from "./hints.ts";
import type { LeaseClaims } from "./lease-token.ts";
import { held, holderCause } from "./renew-lease.ts";
import { settle } from "./settle.ts";

export type Report = Omit<AttemptEnd, "outcome" | "atMs" | "reported"> & { readonly reported?: Completion["outcome"] };
type Choice = (seen: JobSeen | undefined) => JobMove | undefined;

/** The holder's last word. One write holds all that later effects derive from; a repeat is acknowledged again. */
export async function completeJob(deps: Deps, claims: LeaseClaims, completion: Completion): Promise<{ state: string }> {
  const { outcome, ...made } = completion;
  const why = completion.failure?.message;
  const cause = { ...holderCause(claims), ...(why === undefined ? {} : { reason: why }) };
  return endByHolder(deps, claims, chooseCompletion(outcome), { ...defined(made), reported: outcome }, cause);
}

/** The holder, or its watchdog, gives the lease back: its processes are gone. The job may be granted again. */
export async function releaseJob(
  deps: Deps,
  claims: LeaseClaims,
  reason: string,
  made: Pick<Report, "failure" | "log"> = {},
): Promise<{ state: string }> {
  const cause = { ...holderCause(claims), reason: made.failure?.message ?? reason };
  return endByHolder(deps, claims, chooseRelease, defined(made), cause);
}

/** The holder's word that a stopped attempt is gone. */
export async function ackCancel(deps: Deps, claims: LeaseClaims, log: LogSeal | undefined): Promise<{ state: string }> {
  return endByHolder(deps, claims, chooseStopped, log === undefined ? {} : { log }, holderCause(claims));
}

async function endByHolder(deps: Deps, claims: LeaseClaims, choose: Choice, report: Report, cause: Cause) {
  const nowMs = deps.clock.nowMs();
  const { applied, item } = await applyChosen(
    deps,
    jobKey(claims),
    choose,
    (move) => endArgs(move, claims, report, nowMs),
    cause,
  );
  if (item === undefined || !isAcknowledged(item, claims, report)) {
    const alive = held(deps, item, claims, nowMs);
    throw new DomainError(
      "conflict",
      `job ${claims.jobId} is ${alive.state}: it was not asked to stop, or not yet acknowledged`,
    );
  }
  if (applied) countEnd(deps, item);
  await followUp(deps, item, claims.fence, cause);
  return { state: item.state };
}

/**
 * This attempt has ended, and with this word or an earlier one of its holder. That its processes are gone is heard at any
 * time; a report that comes after its lease was reaped is not, since nothing of it is kept.
 */
function isAcknowledged(item: JobItem, { fence, claimId }: LeaseClaims, report: Report): boolean {
  const mine = item.attempts[String(fence)];
  if (mine?.claimId !== claimId || mine.end === undefined) return false;
  const reaped = Object.keys(item.history).some((key) => key.startsWith(`${fence}.expire`));
  return report.reported === undefined || (mine.end.outcome !== "lost" && !reaped);
}

/** Ends an attempt whose lease ran out. Returns the job as it stands; harmless where it was renewed meanwhile. */
export async function expireLease(deps: Deps, job: JobItem): Promise<JobItem | undefined> {
  const nowMs = deps.clock.nowMs();
  const cause = { actor: "reconcile", reason: `the lease of runner ${job.lease?.runnerName ?? "?"} ran out` };
  const claims = { fence: job.fence, claimId: job.lease?.claimId ?? "" };
  const { applied, item } = await applyChosen(
    deps,
    jobKey(job),
    chooseExpiry,
    (move) => endArgs(move, claims, {}, nowMs),
    cause,
    job,
  );
  if (!applied || item === undefined) return item;
  deps.metrics.count("LeasesLost");
  countEnd(deps, item);
  await followUp(deps, item, job.fence, cause);
  return item;
}

/** The arguments of whatever row ends an attempt. */
export function endArgs(
  move: JobMove,
  claims: { fence: number; claimId: string },
  report: Report,
  nowMs: number,
): Args {
  const { reported, checks, artifacts, ...made } = report;
  const outcome = attemptOutcomeOf(move, reported);
  const end = {
    ...made,
    // Only the result's attempt answers checks and has artifacts; kept for every retry, they would outgrow the item.
    ...(move.to === "queued" ? {} : defined({ checks, artifacts })),
    outcome,
    atMs: nowMs,
    ...(reported === undefined || reported === outcome ? {} : { reported }),
  };
  const { fence, claimId } = claims;
  return { nowMs, fence, claimId, end, result: { fence, outcome: move.to }, queueDeadlineMs: nowMs + QUEUE_TIMEOUT_MS };
}

function countEnd(deps: Deps, job: JobItem): void {
  if (!isJobEnded(job.state)) return;
  deps.metrics.count("JobsEnded", 1, { "cicd.pipeline.task.run.result": taskResultOf(job.state) });
  if (job.state !== "succeeded" && job.state !== "canceled") deps.metrics.count("Failures");
}

/** Acts on the job as it stands, whoever wrote it: an earlier handler may have died right after the write. */
async function followUp(deps: Deps, job: JobItem, fence: number, cause: Cause): Promise<void> {
  if (isJobEnded(job.state)) {
    // A dependent's history tells by which job it moved, not why that one ended.
    await settle(deps, [job], { actor: cause.actor, reason: `${job.jobId} ${job.state.replace("_", " ")}` });
  } else if (job.state === "queued" && job.fence === fence) {
    await Promise.all([offerJobs(deps, [job]), hintReport(deps, job)]);
  }
}

/** Leaves out keys that are undefined: DynamoDB stores none. */
function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T;
}
