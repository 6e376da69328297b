import {
  APPROVAL_TIMEOUT_MS,
  DEPENDENTS_INLINE_MAX,
  DUE_SHARDS,
  JOIN_WIDTH_MAX,
  PLAN_TIMEOUT_MS,
  QUEUE_TIMEOUT_MS,
  REOFFER_AGES_MS,
  RETENTION_MS,
  RUN_TIMEOUT_MS,
  TICK_MAX_MS,
} from "../domain/limits.ts";
import type { Plan, PlannedJob } from "../domain/plan.ts";
import { decide, sourcesOf } from "../domain/predicate.ts";
import type { Approval, Source } from "../protocol/runs.ts";
import type { RunTrigger } from "../protocol/triggers.ts";
import { ttlAt } from "../store/item-base.ts";
import type { CheckItem, JobItem, JoinItem, RunItem, SpecItem } from "../store/items.ts";
import {
  checkKey,
  checkNode,
  dueShard,
  jobKey,
  jobNode,
  joinKey,
  joinNode,
  type OutboxRef,
  outboxKey,
  projectKey,
  REPORTS_SHARD,
  type RunRef,
  runKey,
  specKey,
} from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { OutboxItem } from "../store/report-items.ts";

/** The items that a run is born with. Pure: the same plan makes the same items. */

export interface RunSeed extends RunRef {
  readonly project: string;
  readonly source?: Source | undefined;
  readonly pipelinePath?: string | undefined;
  readonly watch: boolean;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly rerunOf?: string | undefined;
  readonly trigger?: RunTrigger | undefined;
  /** Every job's pool, whatever the definition says. */
  readonly pool?: string | undefined;
  readonly approval?: Approval | undefined;
  /** Of its place, where newer pushes supersede it. */
  readonly turn?: number | undefined;
  /** Whether a forge shows it: then it is born with an outbox. */
  readonly reports?: boolean | undefined;
}

/** Nothing of it may be offered before somebody has approved its commit. */
export const waitsForApproval = ({ approval }: { readonly approval?: Approval | undefined }): boolean =>
  approval !== undefined && approval.atMs === undefined;

/** Results that a rerun takes over, by job id. */
export type Inherited = ReadonlyMap<string, JobItem>;

export interface PlanItems {
  readonly jobs: readonly JobItem[];
  readonly checks: readonly CheckItem[];
  readonly joins: readonly JoinItem[];
  /** What the run's `open` holds: the nodes themselves, or the joins that they hang on. */
  readonly open: ReadonlySet<string>;
}

/** The first tick comes when the first re-offer would be due. */
export const FIRST_WAKE_MS = Math.min(TICK_MAX_MS, REOFFER_AGES_MS[0] ?? TICK_MAX_MS);

const baseOf = (seed: RunSeed) =>
  ({ v: ITEM_VERSION, tenant: seed.tenant, ttl: ttlAt(seed.createdAtMs + RETENTION_MS), runId: seed.runId }) as const;
/** Waiting for an approval is not the run's own time. */
const hardDeadlineOf = (seed: RunSeed) =>
  seed.createdAtMs + RUN_TIMEOUT_MS + (waitsForApproval(seed) ? APPROVAL_TIMEOUT_MS : 0);

/** A run that waits for its definition. */
export function planningRun(seed: RunSeed): RunItem {
  return { ...runBase(seed), state: "planning", pipeline: seed.pipelinePath ?? "?" };
}

/** A run whose plan came with it. */
export function liveRun(seed: RunSeed, pipeline: string, planDigest: string, items: PlanItems): RunItem {
  const open = items.open.size === 0 ? {} : { open: new Set(items.open) };
  const base = runBase(seed);
  const parked = waitsForApproval(seed) ? { wakeAtMs: base.hardDeadlineMs } : {};
  return { ...base, state: "live", pipeline, planDigest, ...open, ...parked };
}

function runBase(seed: RunSeed): Omit<RunItem, "state" | "pipeline"> {
  const {
    tenant,
    runId,
    project,
    source,
    pipelinePath,
    rerunOf,
    createdAtMs,
    createdBy,
    watch,
    trigger,
    pool,
    approval,
  } = seed;
  return {
    ...runKey(seed),
    ...baseOf(seed),
    family: "run",
    project,
    projectKey: projectKey(tenant, project),
    ...(source === undefined ? {} : { source }),
    ...(pipelinePath === undefined ? {} : { pipelinePath }),
    ...(rerunOf === undefined ? {} : { rerunOf }),
    ...(trigger === undefined ? {} : { trigger }),
    ...(pool === undefined ? {} : { pool }),
    ...(approval === undefined ? {} : { approval: { ...approval } }),
    ...(seed.turn === undefined ? {} : { turn: seed.turn }),
    ...(seed.reports === true ? { reports: true } : {}),
    watch,
    tally: { failed: 0, lost: 0 },
    tickSeq: 0,
    tickedAtMs: createdAtMs,
    wakeAtMs: createdAtMs + FIRST_WAKE_MS,
    dueShard: dueShard(shardOf(runId)),
    createdAtMs,
    hardDeadlineMs: hardDeadlineOf(seed),
    planDeadlineMs: createdAtMs + PLAN_TIMEOUT_MS,
    createdBy,
    history: {},
  };
}

/** Spreads runs over the shards of the due index by the random end of their id. */
function shardOf(runId: string): number {
  return (runId.codePointAt(runId.length - 1) ?? 0) % DUE_SHARDS;
}

/** Jobs, named checks and, above 64 nodes, joins. */
export function planItems(
  seed: RunSeed,
  plan: Plan,
  watchedUntilMs: number,
  inherited: Inherited = new Map(),
): PlanItems {
  const dependents = dependentsOf(plan.jobs);
  const contributors = contributorsOf(plan.jobs);
  const bare = plan.jobs.map((job, order) =>
    jobItem(seed, job, order, { dependents, contributors, watchedUntilMs, inherited }),
  );
  const checks = [...contributors].map(([checkId, jobs]) => checkItem(seed, checkId, jobs, inherited));
  const openNodes = [
    ...bare.filter((job) => job.state !== "succeeded").map((job) => jobNode(job.jobId)),
    ...checks.filter((check) => check.state !== "final").map((check) => checkNode(check.checkId)),
  ];
  if (openNodes.length <= JOIN_WIDTH_MAX) return { jobs: bare, checks, joins: [], open: new Set(openNodes) };
  const joinOf = new Map(openNodes.map((node, at) => [node, String(Math.floor(at / JOIN_WIDTH_MAX))]));
  const joins = joinItems(seed, joinOf);
  return {
    jobs: bare.map((job) => hang(job, joinOf.get(jobNode(job.jobId)))),
    checks: checks.map((check) => hang(check, joinOf.get(checkNode(check.checkId)))),
    joins,
    open: new Set(joins.map((join) => joinNode(join.number))),
  };
}

function hang<T extends object>(item: T, join: string | undefined): T {
  return join === undefined ? item : { ...item, join };
}

function joinItems(seed: RunSeed, joinOf: ReadonlyMap<string, string>): JoinItem[] {
  const byJoin = Map.groupBy(joinOf, ([, number]) => number);
  return [...byJoin].map(([number, members]) => ({
    ...joinKey(seed, number),
    ...baseOf(seed),
    family: "join",
    number,
    state: "open",
    open: new Set(members.map(([node]) => node)),
    tally: { failed: 0, lost: 0 },
    history: {},
  }));
}

interface JobContext {
  readonly dependents: ReadonlyMap<string, readonly string[]>;
  readonly contributors: ReadonlyMap<string, readonly string[]>;
  readonly watchedUntilMs: number;
  readonly inherited: Inherited;
}

function jobItem(seed: RunSeed, job: PlannedJob, order: number, context: JobContext): JobItem {
  const ref = { ...seed, jobId: job.id };
  const dependents = context.dependents.get(job.id) ?? [];
  const origin = context.inherited.get(job.id);
  const resolved = Object.fromEntries(
    (job.needs === undefined ? [] : sourcesOf(job.needs))
      .filter((id) => context.inherited.has(id))
      .map((id) => [id, "passed"]),
  );
  const free = job.needs === undefined || decide(job.needs, resolved) === "met";
  return {
    ...jobKey(ref),
    ...baseOf(seed),
    family: "job",
    jobId: job.id,
    order,
    name: job.spec.name,
    project: seed.project,
    pool: job.pool,
    fence: 0,
    ...(job.needs === undefined ? {} : { needs: job.needs }),
    resolved,
    ...(dependents.length <= DEPENDENTS_INLINE_MAX ? { dependents: [...dependents] } : {}),
    checks: Object.fromEntries(job.checks.map((id) => [id, context.contributors.get(id)?.length ?? 1])),
    allowFailure: job.allowFailure,
    left: { ...job.retries },
    timeoutMs: job.spec.timeoutMs,
    runDeadlineMs: hardDeadlineOf(seed),
    watchedUntilMs: context.watchedUntilMs,
    attempts: {},
    ...(seed.reports === true ? { reports: true } : {}),
    createdAtMs: seed.createdAtMs,
    history: {},
    ...(origin === undefined ? stateAtBirth(seed, free) : takenOver(origin)),
  };
}

function stateAtBirth(seed: RunSeed, free: boolean): Pick<JobItem, "state" | "queuedAtMs" | "queueDeadlineMs"> {
  if (!free) return { state: "waiting" };
  if (waitsForApproval(seed)) return { state: "held" };
  return { state: "queued", queuedAtMs: seed.createdAtMs, queueDeadlineMs: seed.createdAtMs + QUEUE_TIMEOUT_MS };
}

/** A rerun of what failed keeps the result of a job that succeeded; its products stay where they are. */
function takenOver(origin: JobItem) {
  const { fence, attempts, result, endedAtMs, history } = origin;
  return {
    state: "succeeded",
    fence,
    attempts,
    history,
    ...(result === undefined ? {} : { result }),
    ...(endedAtMs === undefined ? {} : { endedAtMs }),
    inheritedFrom: origin.inheritedFrom ?? origin.runId,
  } as const;
}

function checkItem(seed: RunSeed, checkId: string, jobs: readonly string[], inherited: Inherited): CheckItem {
  const done = jobs.filter((id) => inherited.has(id));
  const final = done.length === jobs.length;
  return {
    ...checkKey(seed, checkId),
    ...baseOf(seed),
    family: "check",
    checkId,
    state: final ? "final" : "waiting",
    ...(final ? { outcome: "passed" as const, endedAtMs: seed.createdAtMs } : {}),
    jobs: [...jobs],
    remaining: jobs.length - done.length,
    resolved: Object.fromEntries(done.map((id) => [id, "passed"])),
    tally: { failed: 0, lost: 0 },
    createdAtMs: seed.createdAtMs,
    history: {},
  };
}

function dependentsOf(jobs: readonly PlannedJob[]): Map<string, string[]> {
  const edges = jobs.flatMap((job) =>
    job.needs === undefined ? [] : sourcesOf(job.needs).map((source) => ({ source, id: job.id })),
  );
  return mapped(Map.groupBy(edges, (edge) => edge.source));
}

function contributorsOf(jobs: readonly PlannedJob[]): Map<string, string[]> {
  const named = jobs.flatMap((job) => job.checks.map((source) => ({ source, id: job.id })));
  return mapped(Map.groupBy(named, (entry) => entry.source));
}

function mapped(groups: Map<string, { readonly id: string }[]>): Map<string, string[]> {
  return new Map([...groups].map(([key, entries]) => [key, entries.map((entry) => entry.id)]));
}

/** The cold half of a job's birth. */
export function specItem(seed: RunSeed, jobId: string, pipeline: string, spec: SpecItem["spec"]): SpecItem {
  const { project, source, trigger } = seed;
  return {
    ...specKey({ ...seed, jobId }),
    ...baseOf(seed),
    family: "spec",
    jobId,
    pipeline,
    project,
    ...(source === undefined ? {} : { source }),
    ...(trigger === undefined ? {} : { trigger }),
    spec,
  };
}

/** What its forge is to be shown of a run: its first hint may be lost, so sweep looks at it too. */
export function runOutbox(run: RunItem): OutboxItem {
  const { tenant, project, createdAtMs } = run;
  const outbox = outboxItem({ tenant, runId: run.runId }, project, createdAtMs);
  return { ...outbox, wakeAtMs: createdAtMs, dueShard: REPORTS_SHARD };
}

/** An outbox that nobody has sent anything of. */
export function outboxItem(ref: OutboxRef, project: string, createdAtMs: number): OutboxItem {
  return {
    ...outboxKey(ref),
    v: ITEM_VERSION,
    tenant: ref.tenant,
    ttl: ttlAt(createdAtMs + RETENTION_MS),
    family: "outbox",
    state: "pending",
    project,
    seq: 0,
    asked: 0,
    tries: 0,
    sent: {},
    parts: {},
    createdAtMs,
    history: {},
  };
}
