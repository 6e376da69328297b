import { DomainError, type FailureCode } from "../../shared/domain/errors.ts";
import type { Item } from "../../shared/domain/item.ts";
import type { Plan, PlannedJob } from "../../shared/domain/plan.ts";
import { allOf, type Predicate } from "../../shared/domain/predicate.ts";
import type { LeaseGranted } from "../../shared/protocol/leases.ts";
import type { Completion } from "../../shared/protocol/products.ts";
import type { JobItem, RunItem } from "../../shared/store/items.ts";
import type { JobRef, Key } from "../../shared/store/keys.ts";
import type { RunSeed } from "../../shared/usecases/births.ts";
import { claimJob } from "../../shared/usecases/claim-job.ts";
import { createLive } from "../../shared/usecases/create-run.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { type LeaseClaims, type SessionClaims, verifyLease } from "../../shared/usecases/lease-token.ts";
import { ackLease } from "../../shared/usecases/renew-lease.ts";
import { HOUR_MS } from "./times.ts";
import { sessionOf, type World } from "./world.ts";

/** Short ways to a run, an attempt, a last word: what the tests of races and faults begin with. */

export interface JobWish extends Partial<Omit<PlannedJob, "needs" | "spec">> {
  readonly id: string;
  readonly needs?: readonly string[] | Predicate;
  readonly timeoutMs?: number;
  readonly artifactsFrom?: readonly string[];
  readonly script?: string;
  readonly secrets?: readonly string[];
}

export function planOf(...wishes: readonly JobWish[]): Plan {
  return { pipeline: "test", jobs: wishes.map(plannedJob) };
}

function plannedJob(wish: JobWish): PlannedJob {
  const { id, needs, timeoutMs = HOUR_MS, artifactsFrom = [], script = "true", secrets = [], ...rest } = wish;
  return {
    id,
    pool: "default",
    checks: [],
    allowFailure: false,
    retries: { failed: 0, lost: 3 },
    ...(needs === undefined ? {} : { needs: "atLeast" in needs || "need" in needs ? needs : allOf(needs) }),
    ...rest,
    spec: {
      name: id,
      steps: [{ name: "run", run: script, env: {} }],
      env: {},
      secrets: [...secrets],
      timeoutMs,
      artifacts: { paths: [], from: [...artifactsFrom] },
    },
  };
}

function seedOf(deps: Deps, change: Partial<RunSeed> = {}): RunSeed {
  const createdAtMs = deps.clock.nowMs();
  const runId = `run_${deps.random.ulid(createdAtMs)}`;
  return { tenant: "main", runId, project: "default", watch: false, createdBy: "test", createdAtMs, ...change };
}

/** Creates a run of the plan, as a request with a definition does. */
export async function startRun(deps: Deps, plan: Plan, change: Partial<RunSeed> = {}): Promise<RunItem> {
  return (await createLive(deps, seedOf(deps, change), plan, undefined)).run;
}

/** What a heartbeat tells. */
export const PROGRESS = { phase: "running", step: 0, logBytes: 0 } as const;

export interface Attempt {
  readonly grant: LeaseGranted;
  readonly claims: LeaseClaims;
}

let claimsMade = 0;
export const newClaimId = (): string => `claim-${String(claimsMade++).padStart(16, "0")}`;

/** Claims a job at a fence. Throws what the control plane answers. */
export async function claimAt(
  deps: Deps,
  ref: { readonly runId: string; readonly jobId: string },
  { fence = 0, claimId = newClaimId(), session = sessionOf("r1") }: Partial<Claiming> = {},
): Promise<Attempt> {
  const grant = await claimJob(deps, session, { runId: ref.runId, jobId: ref.jobId, claimId, fence });
  const path = { runId: ref.runId, jobId: ref.jobId, fence: grant.fence };
  return { grant, claims: verifyLease(deps.signer, grant.leaseToken, path, deps.clock.nowMs()) };
}

interface Claiming {
  readonly fence: number;
  readonly claimId: string;
  readonly session: SessionClaims;
}

/** An attempt whose lease is acknowledged. */
export async function runningAt(
  deps: Deps,
  ref: { readonly runId: string; readonly jobId: string },
  claiming: Partial<Claiming> = {},
): Promise<Attempt> {
  const attempt = await claimAt(deps, ref, claiming);
  await ackLease(deps, attempt.claims);
  return attempt;
}

const LOG = { bytes: 0, lostBytes: 0, chunkCount: 0, index: { kind: "inline" as const, chunks: [], gaps: [] } };

export function lastWord(outcome: Completion["outcome"] = "succeeded", change: Partial<Completion> = {}): Completion {
  const exitCode = outcome === "succeeded" ? 0 : 1;
  return { outcome, exitCode, log: LOG, artifacts: [], losses: [], checks: [], ...change };
}

/** The item exactly as it is stored. */
export const storedItem = (world: World, key: Key): Promise<Item | undefined> => world.read(key);

/** The job, which must be there. */
export async function jobOf(deps: Deps, ref: Omit<JobRef, "tenant">): Promise<JobItem> {
  const job = await deps.store.getJob({ tenant: "main", runId: ref.runId, jobId: ref.jobId });
  if (job === undefined) throw new Error(`there is no job ${ref.jobId}`);
  return job;
}

/** The run, which must be there. */
export async function runOf(deps: Deps, runId: string): Promise<RunItem> {
  const run = await deps.store.getRun({ tenant: "main", runId });
  if (run === undefined) throw new Error(`there is no run ${runId}`);
  return run;
}

/** The code of the refusal, or `accepted`. Anything but a refusal is thrown. */
export async function answerOf(call: Promise<unknown>): Promise<FailureCode | "accepted"> {
  try {
    await call;
    return "accepted";
  } catch (error) {
    if (error instanceof DomainError) return error.code;
    throw error;
  }
}

/** How often each answer was given. */
export function tallied(answers: readonly string[]): Record<string, number> {
  const groups = Map.groupBy(answers, (answer) => answer);
  return Object.fromEntries([...groups].map(([answer, all]) => [answer, all.length]));
}
