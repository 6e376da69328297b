import { DomainError } from "../domain/errors.ts";
import { IDEMPOTENCY_MS, RUN_TIMEOUT_MS } from "../domain/limits.ts";
import type { Plan } from "../domain/plan.ts";
import { eachOf } from "../lib/each-of.ts";
import type { CreateRun } from "../protocol/runs.ts";
import { TRANSACTION_ITEMS_MAX } from "../store/births.ts";
import { ttlAt } from "../store/item-base.ts";
import type { BirthItem, IdempotencyItem, JobItem, RunItem } from "../store/items.ts";
import { idempotencyKey as keyOfIdempotency } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import {
  type Inherited,
  liveRun,
  type PlanItems,
  planItems,
  planningRun,
  type RunSeed,
  runOutbox,
  specItem,
  waitsForApproval,
} from "./births.ts";
import type { Deps } from "./deps.ts";
import { chainTick, hint, hintReport, offerJobs } from "./hints.ts";
import { planDefinition } from "./plan-definition.ts";
import { digest, storeSpec } from "./specs.ts";

/** Who asks, and the key under which asking again is the same request. */
export interface Requester {
  /** Unique for ever: an Idempotency-Key is its own alone. */
  readonly principal: string;
  /** How people know the principal, where that is something else. */
  readonly name?: string;
  readonly idempotencyKey?: string | undefined;
}

export interface Created {
  readonly run: RunItem;
  /** True where the same request had made this run before. */
  readonly replayed: boolean;
}

/** DynamoDB's limit is 4 MB of its own encoding; this is measured as JSON. */
const TRANSACTION_BYTES_MAX = 3 * 1_024 * 1_024;
const SPEC_WRITES_WIDTH = 8;

/** It sorts by time. */
export const newRunId = ({ random }: Pick<Deps, "random">, nowMs: number): string => `run_${random.ulid(nowMs)}`;

/** Creates a run from a definition, or one that reads its definition first. Nothing is offered before the run is committed. */
export async function createRun(
  deps: Deps,
  body: CreateRun,
  requester: Requester,
  origin: Pick<RunSeed, "rerunOf" | "trigger" | "pool" | "approval" | "reports"> = {},
): Promise<Created> {
  const seed = { ...newSeed(deps, body, requester), ...origin };
  const request = requestItem(deps, seed, requester, digest(JSON.stringify(body)));
  if (body.definition === undefined) return createPlanning(deps, seed, request);
  const plan = await planDefinition(deps, body.definition, seed);
  return createLive(deps, seed, plan, request);
}

function newSeed(deps: Deps, body: CreateRun, requester: Requester): RunSeed {
  const nowMs = deps.clock.nowMs();
  return {
    tenant: deps.settings.tenant,
    runId: newRunId(deps, nowMs),
    project: body.project,
    source: body.source,
    pipelinePath: body.definition === undefined ? body.pipelinePath : undefined,
    watch: body.watch,
    createdBy: requester.name ?? requester.principal,
    createdAtMs: nowMs,
  };
}

/** Pins this request to this run: whoever asks with the same key gets the same run. */
export function requestItem(
  deps: Deps,
  seed: RunSeed,
  requester: Requester,
  requestDigest: string,
  keptMs: number = IDEMPOTENCY_MS,
): IdempotencyItem | undefined {
  if (requester.idempotencyKey === undefined) return undefined;
  return {
    ...keyOfIdempotency(deps.settings.tenant, requester.principal, requester.idempotencyKey),
    v: ITEM_VERSION,
    tenant: seed.tenant,
    ttl: ttlAt(seed.createdAtMs + keptMs),
    family: "idempotency",
    runId: seed.runId,
    requestDigest,
  };
}

/** A run that waits for its definition, which the plan function is asked for. */
export async function createPlanning(
  deps: Deps,
  seed: RunSeed,
  request: IdempotencyItem | undefined,
): Promise<Created> {
  const run = planningRun(seed);
  const born = await commit(deps, run, [], request);
  if (born.replayed) return born;
  await Promise.all([hint(deps, "a plan request", () => deps.queues.sendPlan(seed)), chainTick(deps, run)]);
  return born;
}

/** Writes a planned run: all in one transaction where it fits, else the nodes first and the run last. */
export async function createLive(
  deps: Deps,
  seed: RunSeed,
  plan: Plan,
  request: IdempotencyItem | undefined,
  inherited?: Inherited,
): Promise<Created> {
  const items = planItems(seed, plan, watchedUntilMs(seed), inherited);
  const run = liveRun(seed, plan.pipeline, digest(JSON.stringify(plan)), items);
  const born = await commit(deps, run, await nodesOf(deps, seed, plan, items), request);
  if (!born.replayed) await start(deps, run, items.jobs);
  return born;
}

/** A run that is watched from the start flushes its logs fast to its end. */
export function watchedUntilMs(seed: RunSeed): number {
  return seed.watch ? seed.createdAtMs + RUN_TIMEOUT_MS : 0;
}

/** Every node with its spec, large specs put in the bucket first. */
export async function nodesOf(deps: Deps, seed: RunSeed, plan: Plan, items: PlanItems): Promise<BirthItem[]> {
  const specs = await eachOf(plan.jobs, SPEC_WRITES_WIDTH, async (job) =>
    specItem(seed, job.id, plan.pipeline, await storeSpec(deps, { ...seed, jobId: job.id }, job.spec)),
  );
  return [...items.jobs, ...specs, ...items.checks, ...items.joins];
}

async function commit(
  deps: Deps,
  run: RunItem,
  nodes: readonly BirthItem[],
  request: IdempotencyItem | undefined,
): Promise<Created> {
  const outbox = run.reports === true ? [runOutbox(run)] : [];
  const head: BirthItem[] = request === undefined ? [run, ...outbox] : [run, request, ...outbox];
  const fits = fitsTransaction([...head, ...nodes]);
  if (!fits) {
    // Nodes are written before the key can decide: a request that was answered before must not write them all again.
    if (request !== undefined && (await deps.store.getIdempotency(request)) !== undefined)
      return replay(deps, run, request);
    await deps.store.birthEach(nodes);
  }
  const birth = await deps.store.birth(fits ? [...head, ...nodes] : head);
  if (birth === "exists") return replay(deps, run, request);
  deps.metrics.count("RunsCreated");
  deps.log.info("run created", { run: run.runId, jobs: nodes.filter((node) => node.family === "job").length });
  return { run, replayed: false };
}

const fitsTransaction = (items: readonly BirthItem[]): boolean =>
  items.length <= TRANSACTION_ITEMS_MAX && Buffer.byteLength(JSON.stringify(items)) <= TRANSACTION_BYTES_MAX;

/** A transaction whose answer was lost may find its own items: then the run is there under this very id. */
async function replay(deps: Deps, run: RunItem, request: IdempotencyItem | undefined): Promise<Created> {
  const first = request === undefined ? undefined : await deps.store.getIdempotency(request);
  if (first !== undefined && first.requestDigest !== request?.requestDigest) {
    throw new DomainError("idempotency_mismatch", "this Idempotency-Key was used for a different request", {
      runId: first.runId,
    });
  }
  const found = await deps.store.getRun({ tenant: run.tenant, runId: first?.runId ?? run.runId });
  if (found === undefined) throw new Error(`run ${run.runId} could not be written, and does not exist`);
  return { run: found, replayed: found.runId !== run.runId };
}

/** Offers what is free, and starts the chain of ticks: a run that waits for its approval has none, only its `wakeAtMs`. */
export async function start(deps: Deps, run: RunItem, jobs: readonly JobItem[]): Promise<void> {
  const free = waitsForApproval(run) ? [] : [offerJobs(deps, jobs), chainTick(deps, run)];
  await Promise.all([...free, hintReport(deps, run)]);
}
