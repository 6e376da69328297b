import { z } from "zod";
import { CHECK_OUTCOMES, CHECK_STATES } from "../domain/check-moves.ts";
import { JOB_STATES } from "../domain/job-moves.ts";
import { jobSpecSchema } from "../domain/plan.ts";
import { predicateSchema } from "../domain/predicate.ts";
import { RUN_STATES } from "../domain/run-moves.ts";
import { auditEntrySchema } from "../protocol/audit.ts";
import { STOP_REASONS } from "../protocol/leases.ts";
import { attemptOutcomes } from "../protocol/products.ts";
import { projectView } from "../protocol/projects.ts";
import { approvalSchema, attemptEndView, historySchema, sourceSchema } from "../protocol/runs.ts";
import { SCOPES } from "../protocol/tokens.ts";
import { runTriggerSchema } from "../protocol/triggers.ts";
import { itemBase, wakes } from "./item-base.ts";
import type { OutboxItem, StatusItem } from "./report-items.ts";
import type { HeadItem, HeadsItem, ScheduleItem, SweepItem, TagsItem } from "./sweep-items.ts";
import type { AbsenceItem, ClosingItem, DecidedItem, DeliveryItem, RefItem } from "./trigger-items.ts";

/** The table's items as they are parsed on the way in. Every map and set path that a move needs is there at birth. */

const openSet = z.set(z.string()).optional();
const tally = z.object({ failed: z.int(), lost: z.int() });

export const runItemSchema = z.object({
  ...itemBase,
  family: z.literal("run"),
  runId: z.string(),
  state: z.enum(RUN_STATES),
  project: z.string(),
  projectKey: z.string(),
  pipeline: z.string(),
  source: sourceSchema.optional(),
  /** Where the definition is: read from there while the run is planning. */
  pipelinePath: z.string().optional(),
  watch: z.boolean().optional(),
  planDigest: z.string().optional(),
  open: openSet,
  tally,
  tickSeq: z.int(),
  tickedAtMs: z.int(),
  ...wakes,
  createdAtMs: z.int(),
  hardDeadlineMs: z.int(),
  planDeadlineMs: z.int(),
  endedAtMs: z.int().optional(),
  reason: z.string().optional(),
  rerunOf: z.string().optional(),
  createdBy: z.string(),
  /** What happened in the repository, where that started it. */
  trigger: runTriggerSchema.optional(),
  /** Whether it has an outbox: a forge shows it. */
  reports: z.boolean().optional(),
  /** Every job's pool, whatever the definition says: a fork's. */
  pool: z.string().optional(),
  approval: approvalSchema.optional(),
  /** Of a pipeline that supersedes: the last turn of its place in which its commit was the newest. */
  turn: z.int().optional(),
  /** The commit that had its place when it was canceled for that, or `closed`. */
  supersededBy: z.string().optional(),
  history: historySchema,
});
export type RunItem = z.infer<typeof runItemSchema>;

/** What the `by-project` index projects. */
export const runSummarySchema = runItemSchema.pick({
  runId: true,
  state: true,
  pipeline: true,
  source: true,
  createdAtMs: true,
  endedAtMs: true,
  rerunOf: true,
  createdBy: true,
  project: true,
});
export type RunSummaryItem = z.infer<typeof runSummarySchema>;

const leaseSchema = z.object({
  claimId: z.string(),
  runnerId: z.string(),
  runnerName: z.string(),
  grantedAtMs: z.int(),
  expiresAtMs: z.int(),
  /** As the last heartbeat told: the step at work, counted from 0, and the bytes of its log so far. */
  step: z.int().optional(),
  logBytes: z.int().optional(),
});

const attemptEndSchema = attemptEndView.extend({
  /** What the holder reported, where a stop or a loss decided otherwise. */
  reported: z.enum(attemptOutcomes).optional(),
  checks: z
    .array(z.object({ id: z.string(), outcome: z.enum(["passed", "failed"]), summary: z.string().optional() }))
    .optional(),
});
export type AttemptEnd = z.infer<typeof attemptEndSchema>;

const attemptSchema = z.object({
  claimId: z.string(),
  runnerId: z.string(),
  runnerName: z.string(),
  grantedAtMs: z.int(),
  startedAtMs: z.int().optional(),
  end: attemptEndSchema.optional(),
});

export const jobItemSchema = z.object({
  ...itemBase,
  family: z.literal("job"),
  runId: z.string(),
  jobId: z.string(),
  /** Where it stands in the file. */
  order: z.int(),
  name: z.string(),
  project: z.string(),
  pool: z.string(),
  state: z.enum(JOB_STATES),
  fence: z.int(),
  needs: predicateSchema.optional(),
  resolved: z.record(z.string(), z.string()),
  /** Jobs to tell when this one ends; absent where they are too many: reconcile tells them. */
  dependents: z.array(z.string()).optional(),
  /** Named checks, each with the number of its contributors. */
  checks: z.record(z.string(), z.int()),
  /** The join that it hangs on; the run itself where absent. */
  join: z.string().optional(),
  allowFailure: z.boolean(),
  left: z.object({ failed: z.int(), lost: z.int() }),
  timeoutMs: z.int(),
  queuedAtMs: z.int().optional(),
  queueDeadlineMs: z.int().optional(),
  runDeadlineMs: z.int(),
  watchedUntilMs: z.int(),
  phase: z.string().optional(),
  lease: leaseSchema.optional(),
  stop: z.object({ reason: z.enum(STOP_REASONS), atMs: z.int(), deadlineMs: z.int() }).optional(),
  attempts: z.record(z.string(), attemptSchema),
  result: z.object({ fence: z.int(), outcome: z.string() }).optional(),
  reason: z.string().optional(),
  /** The run whose products these are, where a rerun took over a job that had succeeded. */
  inheritedFrom: z.string().optional(),
  /** Whether a forge shows its run. */
  reports: z.boolean().optional(),
  createdAtMs: z.int(),
  endedAtMs: z.int().optional(),
  history: historySchema,
});
export type JobItem = z.infer<typeof jobItemSchema>;

export const specItemSchema = z.object({
  ...itemBase,
  family: z.literal("spec"),
  runId: z.string(),
  jobId: z.string(),
  pipeline: z.string(),
  project: z.string(),
  source: sourceSchema.optional(),
  trigger: runTriggerSchema.optional(),
  /** Inline, or in the bucket under a key of its own with this digest of its JSON. */
  spec: z.union([jobSpecSchema, z.object({ sha256: z.string() })]),
});
export type SpecItem = z.infer<typeof specItemSchema>;

export const checkItemSchema = z.object({
  ...itemBase,
  family: z.literal("check"),
  runId: z.string(),
  checkId: z.string(),
  state: z.enum(CHECK_STATES),
  jobs: z.array(z.string()),
  remaining: z.int(),
  resolved: z.record(z.string(), z.string()),
  tally,
  outcome: z.enum(CHECK_OUTCOMES).optional(),
  join: z.string().optional(),
  createdAtMs: z.int(),
  endedAtMs: z.int().optional(),
  history: historySchema,
});
export type CheckItem = z.infer<typeof checkItemSchema>;

export const joinItemSchema = z.object({
  ...itemBase,
  family: z.literal("join"),
  runId: z.string(),
  number: z.string(),
  state: z.literal("open"),
  open: openSet,
  tally,
  history: historySchema,
});
export type JoinItem = z.infer<typeof joinItemSchema>;

export const tokenItemSchema = z.object({
  ...itemBase,
  family: z.literal("token"),
  tokenId: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  /** The only pools that it opens sessions of; where absent, any. */
  pools: z.array(z.string()).optional(),
  /** SHA-256 of the secret, which has 256 random bits: no slow hash is needed. */
  hash: z.string(),
  createdAtMs: z.int(),
  revokedAtMs: z.int().optional(),
});
export type TokenItem = z.infer<typeof tokenItemSchema>;

export const idempotencyItemSchema = z.object({
  ...itemBase,
  family: z.literal("idempotency"),
  /** What was made of it: a run; of a host's proof, its instance. */
  runId: z.string(),
  requestDigest: z.string(),
});
export type IdempotencyItem = z.infer<typeof idempotencyItemSchema>;

export const projectItemSchema = z.object({
  ...itemBase,
  family: z.literal("project"),
  ...projectView.shape,
  /** Set: there is no such project any more. */
  removedAtMs: z.int().optional(),
});
export type ProjectItem = z.infer<typeof projectItemSchema>;

export const auditItemSchema = z.object({ ...itemBase, family: z.literal("audit"), ...auditEntrySchema.shape });
export type AuditItem = z.infer<typeof auditItemSchema>;

/** What a birth may write. */
export type BirthItem =
  | RunItem
  | JobItem
  | SpecItem
  | CheckItem
  | JoinItem
  | TokenItem
  | IdempotencyItem
  | DeliveryItem
  | DecidedItem
  | ClosingItem
  | AbsenceItem
  | RefItem
  | OutboxItem
  | StatusItem
  | HeadsItem
  | HeadItem
  | TagsItem
  | ScheduleItem
  | SweepItem;

/** The hot items of one run. */
export interface RunItems {
  readonly run: RunItem | undefined;
  readonly jobs: readonly JobItem[];
  readonly checks: readonly CheckItem[];
  readonly joins: readonly JoinItem[];
}
