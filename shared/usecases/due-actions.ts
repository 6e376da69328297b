import { entryOf } from "../domain/entry.ts";
import { HEARTBEAT_MS, LEASE_OVERTIME_MS, REOFFER_AGES_MS, TICK_MAX_MS, TICK_MIN_MS } from "../domain/limits.ts";
import { decide, sourcesOf } from "../domain/predicate.ts";
import { isJobEnded, isRunEnded, tallyOf } from "../domain/verdict.ts";
import type { CheckItem, JobItem, JoinItem, RunItem, RunItems } from "../store/items.ts";
import { checkNode, jobNode, joinNode } from "../store/keys.ts";
import type { OpenNode } from "./settle.ts";

/** What is due in one run: pure, from its own items alone. The writes that follow decide again. */

export type DueAction =
  | { readonly kind: "resolve"; readonly job: JobItem; readonly source: JobItem }
  | { readonly kind: "advance"; readonly job: JobItem }
  | { readonly kind: "admit"; readonly job: JobItem }
  | { readonly kind: "cancel"; readonly job: JobItem }
  | { readonly kind: "expire"; readonly job: JobItem }
  | { readonly kind: "timeout"; readonly job: JobItem }
  | { readonly kind: "abandon"; readonly job: JobItem }
  | { readonly kind: "reoffer"; readonly job: JobItem; readonly ageMs: number }
  | { readonly kind: "settle"; readonly job: JobItem }
  | { readonly kind: "endNode"; readonly node: OpenNode };

/** Everything that is due now, in an order in which one does not undo another. */
export function dueActions(items: RunItems & { readonly run: RunItem }, nowMs: number): DueAction[] {
  // Nodes of a plan that is not committed do not count, whatever their state says.
  if (items.run.planDigest === undefined) return [];
  // Its verdict stands, whatever its nodes say. Only its jobs must not stay as they are.
  if (isRunEnded(items.run.state)) return items.jobs.flatMap((job) => dueForJob(job, items.run, new Map(), nowMs));
  const open = openNodes(items);
  const ended = new Map(items.jobs.filter((job) => isJobEnded(job.state)).map((job) => [job.jobId, job]));
  return [
    ...items.jobs.flatMap((job) => dueForJob(job, items.run, ended, nowMs)),
    ...[...ended.values()]
      .filter((job) => isUnsettled(job, items, open))
      .map((job) => ({ kind: "settle", job }) as const),
    ...items.checks.filter((check) => isOpenCheck(check, open)).map(endOfCheck),
    ...items.joins.filter((join) => isEmptyJoin(join, items.run)).map(endOfJoin),
  ];
}

function dueForJob(job: JobItem, run: RunItem, ended: ReadonlyMap<string, JobItem>, nowMs: number): DueAction[] {
  if (isJobEnded(job.state)) return [];
  if (job.lease !== undefined && job.lease.expiresAtMs < nowMs) return [{ kind: "expire", job }];
  if (job.state === "stopping") return [];
  if (run.state === "canceling" || isRunEnded(run.state)) return [{ kind: "cancel", job }];
  if (job.lease !== undefined) return timeoutAtMs(job) < nowMs ? [{ kind: "timeout", job }] : [];
  if (job.state === "queued") return dueForQueued(job, run, nowMs);
  if (job.state === "held") return run.approval?.atMs === undefined ? [] : [{ kind: "admit", job }];
  return job.state === "waiting" ? dueForWaiting(job, ended) : [];
}

/** The runner stops an attempt at its own timeout; the control plane only where it has not. */
const timeoutAtMs = (job: JobItem) => (job.lease?.grantedAtMs ?? 0) + job.timeoutMs + LEASE_OVERTIME_MS / 2;

function dueForQueued(job: JobItem, run: RunItem, nowMs: number): DueAction[] {
  if ((job.queueDeadlineMs ?? Number.POSITIVE_INFINITY) < nowMs) return [{ kind: "abandon", job }];
  const queuedAtMs = job.queuedAtMs ?? job.createdAtMs;
  const next = nextOfferMs(queuedAtMs, run.tickedAtMs);
  return next <= nowMs ? [{ kind: "reoffer", job, ageMs: nowMs - queuedAtMs }] : [];
}

/** The first re-offer after a time: at growing ages, then each time the last of them has passed again. */
function nextOfferMs(queuedAtMs: number, afterMs: number): number {
  const ages = REOFFER_AGES_MS.map((ageMs) => queuedAtMs + ageMs).filter((atMs) => atMs > afterMs);
  const lastAgeMs = REOFFER_AGES_MS.at(-1) ?? TICK_MAX_MS;
  const rounds = Math.floor((afterMs - queuedAtMs) / lastAgeMs) + 1;
  return ages[0] ?? queuedAtMs + rounds * lastAgeMs;
}

function dueForWaiting(job: JobItem, ended: ReadonlyMap<string, JobItem>): DueAction[] {
  if (job.needs === undefined) return [];
  const missing = sourcesOf(job.needs).filter((id) => entryOf(job.resolved, id) === undefined);
  const told = missing
    .flatMap((id) => ended.get(id) ?? [])
    .map((source) => ({ kind: "resolve", job, source }) as const);
  if (told.length > 0) return told;
  return decide(job.needs, job.resolved) === "undecided" ? [] : [{ kind: "advance", job }];
}

function openNodes({ run, joins }: RunItems & { readonly run: RunItem }): ReadonlySet<string> {
  return new Set([...(run.open ?? []), ...joins.flatMap((join) => [...(join.open ?? [])])]);
}

function isUnsettled(job: JobItem, items: RunItems, open: ReadonlySet<string>): boolean {
  const answered = (checkId: string) => {
    const check = items.checks.find((one) => one.checkId === checkId);
    return check === undefined || entryOf(check.resolved, job.jobId) !== undefined;
  };
  return open.has(jobNode(job.jobId)) || !Object.keys(job.checks).every(answered);
}

const isOpenCheck = (check: CheckItem, open: ReadonlySet<string>) =>
  check.state === "final" && open.has(checkNode(check.checkId));
const isEmptyJoin = (join: JoinItem, run: RunItem) =>
  join.open === undefined && run.open?.has(joinNode(join.number)) === true;

function endOfCheck(check: CheckItem): DueAction {
  const node = { join: check.join, node: checkNode(check.checkId), tally: tallyOf(check.outcome ?? "errored") };
  return { kind: "endNode", node };
}

function endOfJoin(join: JoinItem): DueAction {
  return { kind: "endNode", node: { join: undefined, node: joinNode(join.number), tally: join.tally } };
}

/** When the run must be looked at again: its earliest deadline, within the bounds of a tick. */
export function nextWakeMs(items: RunItems & { readonly run: RunItem }, nowMs: number): number {
  const deadlines = items.jobs.flatMap((job) => deadlinesOf(job, nowMs));
  const closesAtMs = isRunEnded(items.run.state) ? Number.POSITIVE_INFINITY : items.run.hardDeadlineMs;
  const earliest = Math.min(closesAtMs, ...deadlines.map((atMs) => atMs + 1));
  return Math.min(Math.max(earliest, nowMs + TICK_MIN_MS), nowMs + TICK_MAX_MS);
}

function deadlinesOf(job: JobItem, nowMs: number): number[] {
  if (isJobEnded(job.state)) return [];
  if (job.lease !== undefined) return [job.lease.expiresAtMs, ...(job.state === "stopping" ? [] : [timeoutAtMs(job)])];
  if (job.state !== "queued") return [];
  return [job.queueDeadlineMs ?? nowMs + HEARTBEAT_MS, nextOfferMs(job.queuedAtMs ?? job.createdAtMs, nowMs)];
}
