import { checkMoves, joinMoves } from "../domain/check-moves.ts";
import { chooseUnmet } from "../domain/choose-job-move.ts";
import { entryOf } from "../domain/entry.ts";
import { jobMoves } from "../domain/job-moves.ts";
import { FOLLOW_UPS_MAX, QUEUE_TIMEOUT_MS } from "../domain/limits.ts";
import { decide, type Predicate, sourcesOf } from "../domain/predicate.ts";
import { runMoves } from "../domain/run-moves.ts";
import {
  checkAnswerOf,
  checkOutcomeOf,
  chooseClose,
  isJobEnded,
  isRunEnded,
  jobTallyOf,
  needOutcomeOf,
  type Tally,
  tallyOf,
} from "../domain/verdict.ts";
import { eachOf } from "../lib/each-of.ts";
import { pipelineResultOf } from "../metrics.ts";
import type { CheckItem, JobItem, JoinItem, RunItem } from "../store/items.ts";
import { checkKey, checkNode, jobKey, jobNode, joinKey, joinNode, type RunRef, runKey } from "../store/keys.ts";
import type { Cause } from "../store/store.ts";
import type { Deps } from "./deps.ts";
import { hintReport, offerJobs, tickNow } from "./hints.ts";

const WIDTH = 8;

/** One settling of ended jobs: what it may still write, and what it could not finish. */
interface Settling {
  readonly deps: Deps;
  readonly ref: RunRef;
  readonly cause: Cause;
  writesLeft: number;
  deferred: boolean;
  /** The run was seen to have ended: who closed it has told. */
  closed: boolean;
}

/**
 * Does at once what follows from jobs that have ended: tells their dependents and their checks, offers what became
 * free, takes the nodes out of the run and closes it. A worklist, bounded; the rest is left to an immediate tick. Every
 * step is idempotent and any may be lost: reconcile finds it again in the table.
 */
export async function settle(
  deps: Deps,
  ended: readonly JobItem[],
  cause: Cause,
  writesMax = FOLLOW_UPS_MAX,
): Promise<void> {
  const [first] = ended;
  if (first === undefined) return;
  const ref = { tenant: first.tenant, runId: first.runId };
  const settling: Settling = { deps, ref, cause, writesLeft: writesMax, deferred: false, closed: false };
  const work = [...ended];
  for (let job = work.shift(); job !== undefined; job = work.shift()) {
    if (settling.writesLeft <= 0) {
      settling.deferred = true;
      break;
    }
    const one = job;
    const [unmet] = await Promise.all([
      tellDependents(settling, one),
      tellChecks(settling, one),
      endJobNode(settling, one),
    ]);
    work.push(...unmet);
  }
  if (settling.deferred) await tickNow(deps, ref);
  if (!settling.closed) await hintReport(deps, first);
}

function spend(settling: Settling, writes = 1): boolean {
  if (settling.writesLeft < writes) {
    settling.deferred = true;
    return false;
  }
  settling.writesLeft -= writes;
  return true;
}

/** Returns the dependents that ended, too, whose own end must be settled too. */
async function tellDependents(settling: Settling, job: JobItem): Promise<JobItem[]> {
  if (job.dependents === undefined) settling.deferred = true;
  const told = await eachOf(job.dependents ?? [], WIDTH, (dependent) => tellDependent(settling, job, dependent));
  const moved = told.filter((item) => item !== undefined);
  await offerJobs(settling.deps, moved);
  return moved.filter((item) => isJobEnded(item.state));
}

async function tellDependent(settling: Settling, job: JobItem, dependent: string): Promise<JobItem | undefined> {
  if (!spend(settling, 2)) return undefined;
  const { deps, ref, cause } = settling;
  return resolveNeed(deps, { ...ref, jobId: dependent }, job, cause);
}

/** Writes one need's outcome once, and moves the dependent on when that decides it. Returns it only if it moved now. */
export async function resolveNeed(
  deps: Deps,
  dependent: RunRef & { readonly jobId: string },
  source: JobItem,
  cause: Cause,
): Promise<JobItem | undefined> {
  const args = { source: source.jobId, outcome: needOutcomeOf(source), nowMs: deps.clock.nowMs() };
  const { item } = await deps.store.apply(jobMoves.resolve, jobKey(dependent), args, cause);
  return item === undefined ? undefined : advance(deps, item, cause);
}

/** Moves a waiting job whose needs are decided. Returns it only if this call moved it. */
export async function advance(deps: Deps, job: JobItem, cause: Cause): Promise<JobItem | undefined> {
  if (job.state !== "waiting" || job.needs === undefined) return undefined;
  const decision = decide(job.needs, job.resolved);
  if (decision === "undecided") return undefined;
  const nowMs = deps.clock.nowMs();
  const { applied, item } =
    decision === "met"
      ? await deps.store.apply(
          jobMoves.enqueue,
          jobKey(job),
          { nowMs, queueDeadlineMs: nowMs + QUEUE_TIMEOUT_MS },
          cause,
        )
      : await endUnmet(deps, job, job.needs, cause);
  return applied ? item : undefined;
}

async function endUnmet(deps: Deps, job: JobItem, needs: Predicate, cause: Cause) {
  const outcomeOf = (source: string) => entryOf(job.resolved, source) ?? "passed";
  const unmet = sourcesOf(needs).filter((source) => outcomeOf(source) !== "passed");
  const move = chooseUnmet(unmet.map(outcomeOf));
  const reason = `it needs ${unmet.map((source) => `${source} (${outcomeOf(source)})`).join(", ")}`;
  const args = { nowMs: deps.clock.nowMs(), reason, result: { fence: job.fence, outcome: move.to } };
  return deps.store.apply(move, jobKey(job), args, { ...cause, reason });
}

/** Queues a held job whose approval is there. Returns it only if this call moved it. */
export async function admitJob(deps: Deps, job: JobItem, cause: Cause): Promise<JobItem | undefined> {
  const nowMs = deps.clock.nowMs();
  const args = { nowMs, queueDeadlineMs: nowMs + QUEUE_TIMEOUT_MS };
  const { applied, item } = await deps.store.apply(jobMoves.admit, jobKey(job), args, cause);
  return applied ? item : undefined;
}

/** Answers the named checks of an ended job. */
async function tellChecks(settling: Settling, job: JobItem): Promise<void> {
  await eachOf(Object.entries(job.checks), WIDTH, async ([checkId, contributors]) => {
    if (!spend(settling, 2)) return;
    const check = await answerCheck(settling.deps, settling.ref, job, { checkId, contributors }, settling.cause);
    if (check?.state === "final")
      await endNode(settling, check.join, checkNode(checkId), tallyOf(check.outcome ?? "errored"));
  });
}

/** One contributor's answer, write-once; the last one makes the check final. Returns the check as it stands. */
async function answerCheck(
  deps: Deps,
  ref: RunRef,
  job: JobItem,
  { checkId, contributors }: { readonly checkId: string; readonly contributors: number },
  cause: Cause,
): Promise<CheckItem | undefined> {
  const answer = checkAnswerOf(needOutcomeOf(job), reportedAnswer(job, checkId));
  const mine = tallyOf(answer);
  let seen = contributors === 1 ? { failed: 0, lost: 0 } : undefined;
  let item: CheckItem | undefined;
  for (let look = 0; look < contributors + 2; look += 1) {
    const before = seen ?? { failed: 0, lost: 0 };
    const all = { failed: before.failed + mine.failed, lost: before.lost + mine.lost };
    const written = await deps.store.apply(
      seen === undefined ? checkMoves.answer : checkMoves.answerLast,
      checkKey(ref, checkId),
      {
        nowMs: deps.clock.nowMs(),
        source: job.jobId,
        outcome: answer,
        failed: mine.failed,
        lost: mine.lost,
        failedBefore: before.failed,
        lostBefore: before.lost,
        answer: checkOutcomeOf(all),
      },
      cause,
    );
    item = written.item;
    if (
      written.applied ||
      item === undefined ||
      item.state === "final" ||
      entryOf(item.resolved, job.jobId) !== undefined
    )
      return item;
    seen = item.remaining === 1 ? item.tally : undefined;
  }
  return item;
}

/** What the attempt that the job's result names said of a check; undefined where it said nothing. */
export function reportedAnswer(job: JobItem, checkId: string): "passed" | "failed" | undefined {
  const fence = job.result?.fence;
  if (fence === undefined) return undefined;
  return job.attempts[String(fence)]?.end?.checks?.find((result) => result.id === checkId)?.outcome;
}

async function endJobNode(settling: Settling, job: JobItem): Promise<void> {
  const tally = jobTallyOf({ ...job, namedChecks: Object.keys(job.checks).length });
  await endNode(settling, job.join, jobNode(job.jobId), tally);
}

/** Takes an ended node out of the set that it hangs in; an emptied join ends in the run; an emptied run closes. */
async function endNode(settling: Settling, join: string | undefined, node: string, tally: Tally): Promise<void> {
  if (!spend(settling)) return;
  const { deps, ref, cause } = settling;
  const args = { node, failed: tally.failed, lost: tally.lost, nowMs: deps.clock.nowMs() };
  if (join === undefined) {
    const { item } = await deps.store.apply(runMoves.endNode, runKey(ref), args, cause);
    if (item?.state === "canceling" && item.open !== undefined) settling.deferred = true;
    if (item !== undefined && spend(settling) && (await closeRun(deps, item, cause))) settling.closed = true;
    return;
  }
  const { item } = await deps.store.apply(joinMoves.endNode, joinKey(ref, join), args, cause);
  if (item !== undefined && item.open === undefined) await endJoin(settling, item);
}

async function endJoin(settling: Settling, join: JoinItem): Promise<void> {
  await endNode(settling, undefined, joinNode(join.number), join.tally);
}

/** Takes one ended node out, as reconcile finds it. */
export async function endNodeOf(deps: Deps, ref: RunRef, node: OpenNode, cause: Cause): Promise<void> {
  const settling: Settling = { deps, ref, cause, writesLeft: FOLLOW_UPS_MAX, deferred: false, closed: false };
  await endNode(settling, node.join, node.node, node.tally);
}

export interface OpenNode {
  readonly join: string | undefined;
  readonly node: string;
  readonly tally: Tally;
}

/** Closes a run whose nodes have all ended. Returns true where the run has ended, whoever closed it. */
export async function closeRun(deps: Deps, run: RunItem, cause: Cause): Promise<boolean> {
  const move = chooseClose(run);
  if (move === undefined) return isRunEnded(run.state);
  const nowMs = deps.clock.nowMs();
  // Whose word closes the run is chance: its reason is not the run's.
  const { applied, item } = await deps.store.apply(move, runKey(run), { nowMs }, { actor: cause.actor });
  if (applied) {
    deps.metrics.count("RunsEnded", 1, { "cicd.pipeline.result": pipelineResultOf(move.to) });
    deps.metrics.timing("RunMs", nowMs - run.createdAtMs);
    deps.log.info("run ended", { run: run.runId, state: move.to });
    await hintReport(deps, run);
  }
  return item !== undefined && isRunEnded(item.state);
}
