import { jobMoves } from "../domain/job-moves.ts";
import { RECONCILE_WRITES_MAX, REOFFER_ALWAYS_AGE_MS } from "../domain/limits.ts";
import { runMoves } from "../domain/run-moves.ts";
import { isJobEnded, isRunEnded } from "../domain/verdict.ts";
import { eachOf } from "../lib/each-of.ts";
import { messageOf } from "../lib/message-of.ts";
import { pipelineResultOf } from "../metrics.ts";
import type { JobItem, RunItem, RunItems } from "../store/items.ts";
import { jobKey, type RunRef, runKey } from "../store/keys.ts";
import type { Tick } from "../store/queues.ts";
import type { Cause } from "../store/store.ts";
import { waitsForApproval } from "./births.ts";
import type { Deps } from "./deps.ts";
import { type DueAction, dueActions, nextWakeMs } from "./due-actions.ts";
import { expireLease } from "./end-attempt.ts";
import { chainTick, hint, hintReport, offerJobs, tickNow } from "./hints.ts";
import { admitJob, advance, closeRun, endNodeOf, resolveNeed, settle } from "./settle.ts";
import { stopJob } from "./stop-jobs.ts";

type DueOffer = Extract<DueAction, { kind: "reoffer" }>;
type DueWrite = Exclude<DueAction, DueOffer>;

const CAUSE: Cause = { actor: "reconcile" };
const WIDTH = 8;
/** How long the jobs of a run that its deadline closed are looked at. A lease lasts 45 s: what is left then, nothing can end. */
const SEE_OUT_MAX_MS = 60 * 60_000;
/** A settle may write for its dependents, checks and node: what one action is taken to cost. */
const WRITES_PER_ACTION = 4;

/**
 * Looks at one run's own items and does what is due. Idempotent; two at once are harmless. With a tick's `seq` it passes
 * the chain on, once: only the reconcile whose write applies sends the next tick (DESIGN section 4).
 */
export async function reconcileRun(deps: Deps, tick: Tick): Promise<void> {
  const items = await readItems(deps, tick);
  const run = items?.run;
  if (items === undefined || run === undefined) return;
  if (isRunEnded(run.state)) return seeOut(deps, { ...items, run }, tick);
  const nowMs = deps.clock.nowMs();
  observeLag(deps, { ...items, run }, tick, nowMs);
  const overdue = await closeAtDeadline(deps, run, nowMs);
  if (overdue !== undefined) return seeOut(deps, { ...items, run: overdue }, tick);
  if (run.state === "planning") await askForPlan(deps, run);
  const { closed, errors } = await doWhatIsDue(deps, { ...items, run }, nowMs);
  if (!closed && tick.seq !== undefined) await passOn(deps, { ...items, run }, tick.seq);
  // Only now: what could not be done for one item must neither hold up the others nor break the chain.
  if (errors.length > 1) deps.log.warn("several of the run's items could not be served", { errors: errors.length });
  if (errors.length > 0) throw errors[0];
}

/** How late the chain is, and how long jobs have waited: told by whom it costs nothing, since he reads both anyway. */
function observeLag(deps: Deps, { run, jobs }: RunItems & { readonly run: RunItem }, tick: Tick, nowMs: number): void {
  if (tick.seq === run.tickSeq && run.wakeAtMs !== undefined)
    deps.metrics.timing("ReconcileLagMs", Math.max(0, nowMs - run.wakeAtMs));
  const freeAtMs = jobs.flatMap((job) => (job.state === "queued" ? [job.queuedAtMs ?? nowMs] : []));
  if (freeAtMs.length > 0) deps.metrics.timing("OldestOfferAgeMs", Math.max(0, nowMs - Math.min(...freeAtMs)));
}

/**
 * The run's deadline has closed it. Its jobs must not look as if they went on: who holds one is told to stop, and where
 * nobody does any more its lease runs out, as in a run that is open. Does nothing for a run that ended with its nodes.
 */
async function seeOut(deps: Deps, items: RunItems & { readonly run: RunItem }, tick: Tick): Promise<void> {
  const { run } = items;
  // A cancel or a plan that came before the deadline's write has left it open: it is woken by that, or by sweep.
  if (!isRunEnded(run.state) || run.wakeAtMs === undefined) return;
  const unfinished = run.planDigest !== undefined && items.jobs.some((job) => !isJobEnded(job.state));
  const nowMs = deps.clock.nowMs();
  if (!unfinished) return forget(deps, run, false);
  const { errors } = await doWhatIsDue(deps, items, nowMs);
  // By the last look, not by now: where nobody could look for so long, there is still one look that ends, and this one.
  if (isGivenUp(run, run.tickedAtMs)) await forget(deps, run, true);
  else if (tick.seq !== undefined) await passOn(deps, items, tick.seq);
  if (errors.length > 0) throw errors[0];
}

const isGivenUp = (run: RunItem, atMs: number) => atMs > (run.endedAtMs ?? 0) + SEE_OUT_MAX_MS;

async function forget(deps: Deps, run: RunItem, unfinished: boolean): Promise<void> {
  if (unfinished) deps.log.warn("jobs of an ended run could not be ended; nobody looks any more", { run: run.runId });
  const args = { nowMs: deps.clock.nowMs(), seq: run.tickSeq };
  await deps.store.apply(runMoves.forget, runKey(run), args, CAUSE);
}

/** Where the run's items cannot be read, its own item still tells whether it is over; anything else is thrown. */
async function readItems(deps: Deps, ref: RunRef): Promise<RunItems | undefined> {
  try {
    return await deps.store.getRunItems(ref);
  } catch (error) {
    const run = await deps.store.getRun(ref);
    const nowMs = deps.clock.nowMs();
    if (run === undefined || (isRunEnded(run.state) && run.wakeAtMs === undefined)) return undefined;
    if (isRunEnded(run.state) && isGivenUp(run, nowMs)) await forget(deps, run, true);
    else if (isRunEnded(run.state) || (await closeAtDeadline(deps, run, nowMs)) === undefined) throw error;
    return undefined;
  }
}

/**
 * A run's hard deadline reads nothing but the run item, so that no bad item can keep it open. Returns the run as it then
 * stands; undefined where it is not overdue.
 */
async function closeAtDeadline(deps: Deps, run: RunItem, nowMs: number): Promise<RunItem | undefined> {
  const move = overdueMove(run, nowMs);
  if (move === undefined) return undefined;
  const reason = overdueReason(run);
  const { applied, item } = await deps.store.apply(move, runKey(run), { nowMs, reason }, { ...CAUSE, reason });
  if (applied) {
    deps.metrics.count("RunsEnded", 1, { "cicd.pipeline.result": pipelineResultOf(move.to) });
    await hintReport(deps, run);
  }
  return item;
}

function overdueReason(run: RunItem): string {
  if (run.state === "planning") return "nobody could read its definition in time";
  return waitsForApproval(run) ? "nobody approved its commit in time" : "the run's hard deadline has passed";
}

function overdueMove(run: RunItem, nowMs: number) {
  if (run.state === "planning") return run.planDeadlineMs < nowMs ? runMoves.failPlan : undefined;
  if (run.hardDeadlineMs >= nowMs) return undefined;
  return run.state === "canceling" ? runMoves.forceCancel : runMoves.timeOut;
}

async function askForPlan(deps: Deps, run: RunRef): Promise<void> {
  await hint(deps, "a plan request", () => deps.queues.sendPlan({ tenant: run.tenant, runId: run.runId }));
}

interface Done {
  /** True where the run has ended. */
  readonly closed: boolean;
  /** What went wrong, item by item. */
  readonly errors: readonly unknown[];
}

async function doWhatIsDue(deps: Deps, items: RunItems & { readonly run: RunItem }, nowMs: number): Promise<Done> {
  const due = dueActions(items, nowMs);
  // Offers are no writes: they must neither wait behind the budget, nor hold up what stands behind them.
  const writes = due.filter((action) => action.kind !== "reoffer");
  const now = writes.slice(0, Math.floor(RECONCILE_WRITES_MAX / WRITES_PER_ACTION));
  const errors: unknown[] = [];
  await eachOf(now, WIDTH, (action) => perform(deps, items.run, action, nowMs).catch((error) => errors.push(error)));
  await reoffer(
    deps,
    items.jobs,
    due.filter((action) => action.kind === "reoffer"),
  );
  if (now.length < writes.length) await tickNow(deps, items.run);
  const closable = items.run.open === undefined && items.run.state !== "planning";
  return { closed: closable && (await closeRun(deps, items.run, CAUSE)), errors };
}

async function perform(deps: Deps, run: RunItem, action: DueWrite, nowMs: number): Promise<void> {
  switch (action.kind) {
    case "resolve":
      return followUp(deps, await resolveNeed(deps, action.job, action.source, CAUSE));
    case "advance":
      return followUp(deps, await advance(deps, action.job, CAUSE));
    case "cancel":
      return followUp(deps, await stopJob(deps, action.job, "cancel", nowMs, { ...CAUSE, reason: stopReason(run) }));
    case "timeout":
      return followUp(
        deps,
        await stopJob(deps, action.job, "timeout", nowMs, { ...CAUSE, reason: "the job's timeout has passed" }),
      );
    case "admit":
      return followUp(deps, await admitJob(deps, action.job, CAUSE));
    case "abandon":
      return followUp(deps, await abandon(deps, action.job, nowMs));
    case "expire":
      await expireLease(deps, action.job);
      return;
    case "settle":
      return settle(deps, [action.job], CAUSE);
    case "endNode":
      return endNodeOf(deps, run, action.node, CAUSE);
  }
}

const stopReason = ({ state }: RunItem) =>
  state === "timed_out" ? "the run's hard deadline has passed" : "the run was canceled";

async function abandon(deps: Deps, job: JobItem, nowMs: number): Promise<JobItem | undefined> {
  const reason = `nobody in pool ${job.pool} claimed it before its queue deadline`;
  const args = { nowMs, fence: job.fence, reason, result: { fence: job.fence, outcome: "lost" } };
  const { applied, item } = await deps.store.apply(jobMoves.abandon, jobKey(job), args, { ...CAUSE, reason });
  return applied ? item : undefined;
}

async function followUp(deps: Deps, job: JobItem | undefined): Promise<void> {
  if (job === undefined) return;
  if (isJobEnded(job.state)) await settle(deps, [job], CAUSE);
  else await offerJobs(deps, [job]);
}

/** A queue that cannot be measured counts as empty: one offer too many is harmless, one too few is not. */
async function visibleOffers(deps: Deps, pool: string): Promise<number> {
  try {
    return await deps.queues.visibleOffers(pool);
  } catch (error) {
    deps.metrics.count("HintsFailed");
    deps.log.warn(`could not measure the queue of pool ${pool}; offering again`, {
      error: messageOf(error),
    });
    return 0;
  }
}

/** Offers again, where the pool's queue holds fewer offers than this run alone should have there, or the job is old. */
async function reoffer(deps: Deps, jobs: readonly JobItem[], due: readonly DueOffer[]): Promise<void> {
  for (const [pool, actions] of Map.groupBy(due, ({ job }) => job.pool)) {
    const queued = jobs.filter((job) => job.state === "queued" && job.pool === pool).length;
    const short = (await visibleOffers(deps, pool)) < queued;
    const again = actions.filter(({ ageMs }) => short || ageMs >= REOFFER_ALWAYS_AGE_MS).map(({ job }) => job);
    await offerJobs(deps, again);
  }
}

async function passOn(deps: Deps, items: RunItems & { readonly run: RunItem }, seq: number): Promise<void> {
  const nowMs = deps.clock.nowMs();
  if (items.run.state === "live" && waitsForApproval(items.run)) {
    // An approval that came meanwhile refuses this, and has set a nearer time itself.
    await deps.store.apply(runMoves.park, runKey(items.run), { nowMs, seq, wakeAtMs: items.run.hardDeadlineMs }, CAUSE);
    return;
  }
  const move = isRunEnded(items.run.state) ? runMoves.seeOut : runMoves.tick;
  const args = { nowMs, seq, wakeAtMs: nextWakeMs(items, nowMs) };
  // Here having won does matter: a duplicate of this tick sees the same item, and two chains would grow from it. Should
  // the answer of a write that landed be lost, nobody passes the chain on, and sweep takes it up.
  const { applied, item } = await deps.store.apply(move, runKey(items.run), args, CAUSE);
  if (applied && item !== undefined) await chainTick(deps, item);
}
