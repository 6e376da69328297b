import { z } from "zod";
import { CHECK_OUTCOMES } from "../domain/check-moves.ts";
import { JOB_STATES } from "../domain/job-moves.ts";
import { DEFINITION_BYTES_MAX, PAGE_RUNS_MAX } from "../domain/limits.ts";
import { OUTBOX_STATES } from "../domain/outbox-moves.ts";
import { predicateSchema } from "../domain/predicate.ts";
import { RUN_STATES } from "../domain/run-moves.ts";
import { sourceUrlProblem } from "../lib/source-url.ts";
import { artifactName, fence, gitSha, jobId, label, projectName, runId } from "./ids.ts";
import { artifactSchema, failureSchema, logChunkSchema, logGapSchema, logSealSchema } from "./products.ts";
import { runTriggerSchema } from "./triggers.ts";

/** Runs and jobs as people and programs see them. Times are Unix milliseconds. */

/** Where the code comes from: a git URL (https, ssh, file) or an absolute path that the runner may read, at a commit. */
export const sourceSchema = z.strictObject({
  kind: z.literal("git"),
  url: z
    .string()
    .max(2_048)
    .regex(
      // Folders may have blanks in their names; no host may look like an option.
      /^(?:(?:https?:\/\/|ssh:\/\/|file:\/\/|git@)[^\s-]\S*|\/[\S ]*)$/,
      "a git source is an https, ssh or file URL, or an absolute path",
    )
    .refine((url) => sourceUrlProblem(url) === undefined, {
      error: ({ input }) => `this is no git source: ${sourceUrlProblem(String(input))}`,
    }),
  sha: gitSha,
  branch: z.string().max(255).optional(),
});
export type Source = z.infer<typeof sourceSchema>;

export const createRunBody = z
  .strictObject({
    project: projectName.default("default"),
    /** The pipeline's text. Without it, `pipelinePath` is read from the source. */
    definition: z.strictObject({ path: z.string().max(1_024), text: z.string().max(DEFINITION_BYTES_MAX) }).optional(),
    source: sourceSchema.optional(),
    pipelinePath: z
      .string()
      .max(1_024)
      .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))/, "a pipeline's path is relative to the repository, without ..")
      .default(".baton/ci.yml"),
    /** Somebody follows from the start: runners flush logs fast. */
    watch: z.boolean().default(false),
  })
  .refine((body) => body.definition !== undefined || body.source !== undefined, {
    message: "a run needs a definition, or a source to read it from",
  });
export type CreateRun = z.infer<typeof createRunBody>;

/** A run that waits for somebody's word: for this commit only, and until `atMs` says that it came. */
export const approvalSchema = z.object({ sha: gitSha, atMs: z.int().optional(), by: z.string().optional() });
export type Approval = z.infer<typeof approvalSchema>;

/** One entry of an item's history, keyed `<fence>.<move>`. */
export const historySchema = z.record(
  z.string(),
  z.object({ atMs: z.int(), actor: z.string(), reason: z.string().optional() }),
);
export type History = z.infer<typeof historySchema>;

export const runView = z.object({
  id: runId,
  project: projectName,
  pipeline: z.string(),
  state: z.enum(RUN_STATES),
  source: sourceSchema.optional(),
  createdAtMs: z.int(),
  endedAtMs: z.int().optional(),
  reason: z.string().optional(),
  rerunOf: runId.optional(),
  createdBy: z.string(),
  trigger: runTriggerSchema.optional(),
  /** Of a run that starts, or started, only with somebody's approval. */
  approval: approvalSchema.optional(),
  history: historySchema,
});
export type RunView = z.infer<typeof runView>;

/** A run as a list shows it. */
export const runSummary = runView.omit({ history: true, reason: true, trigger: true, approval: true });

/** How an attempt ended. */
export const attemptEndView = z.object({
  outcome: z.enum(["succeeded", "failed", "timed_out", "canceled", "lost"]),
  atMs: z.int(),
  exitCode: z.int().optional(),
  signal: z.string().optional(),
  failure: failureSchema.optional(),
  log: logSealSchema.optional(),
  artifacts: z.array(artifactSchema).optional(),
  losses: z.array(z.string()).optional(),
});

export const attemptView = z.object({
  fence: z.int().positive(),
  /** The runner's name, as it was started with. */
  runner: z.string(),
  grantedAtMs: z.int(),
  startedAtMs: z.int().optional(),
  end: attemptEndView.optional(),
});
export type AttemptView = z.infer<typeof attemptView>;

export const jobView = z.object({
  runId,
  id: jobId,
  name: z.string(),
  state: z.enum(JOB_STATES),
  pool: z.string(),
  fence: z.int().nonnegative(),
  needs: predicateSchema.optional(),
  resolved: z.record(z.string(), z.string()),
  checks: z.array(z.string()),
  allowFailure: z.boolean(),
  /** What is left of each retry budget. */
  left: z.object({ failed: z.int(), lost: z.int() }),
  phase: z.string().optional(),
  queuedAtMs: z.int().optional(),
  queueDeadlineMs: z.int().optional(),
  /** Step (counted from 0) and bytes of log are as the last heartbeat told. */
  lease: z
    .object({
      runner: z.string(),
      expiresAtMs: z.int(),
      step: z.int().nonnegative().optional(),
      logBytes: z.int().nonnegative().optional(),
    })
    .optional(),
  stop: z.object({ reason: z.string(), atMs: z.int(), deadlineMs: z.int() }).optional(),
  result: z.object({ fence: z.int().nonnegative(), outcome: z.string() }).optional(),
  reason: z.string().optional(),
  /** The run that made this result, where a rerun kept it: attempts, log and artifacts are that run's. */
  inheritedFrom: runId.optional(),
  createdAtMs: z.int(),
  endedAtMs: z.int().optional(),
  attempts: z.array(attemptView),
  history: historySchema,
});
export type JobView = z.infer<typeof jobView>;

export const checkView = z.object({
  id: z.string(),
  state: z.enum(["waiting", "final"]),
  outcome: z.enum(CHECK_OUTCOMES).optional(),
  jobs: z.array(jobId),
});
export type CheckView = z.infer<typeof checkView>;

export const listRunsQuery = z.strictObject({
  project: projectName.default("default"),
  limit: z.coerce.number().int().min(1).max(PAGE_RUNS_MAX).default(20),
  /** The last run of the page before. */
  cursor: runId.optional(),
});
export const listRunsReply = z.object({ runs: z.array(runSummary), cursor: z.string().optional() });

export const createRunReply = z.object({ run: runSummary, replayed: z.boolean() });
/** What of a run its forge does not show, and why. */
export const reportProblemView = z.object({
  /** The name of the check there; absent where it is about all of them. */
  name: z.string().optional(),
  /** Given up, it is not tried again. */
  state: z.enum(["waits", "given_up"]),
  /** The forge's own words, shortened. */
  message: z.string(),
  /** What to do about it. */
  advice: z.string(),
  sinceMs: z.int().optional(),
});
export type ReportProblemView = z.infer<typeof reportProblemView>;
/** Of a run that is shown in a forge. */
export const reportsView = z.object({
  state: z.enum(OUTBOX_STATES),
  problems: z.array(reportProblemView),
  /** Problems that are left out here. */
  more: z.int().positive().optional(),
  /** When it is tried again, where it waits. */
  nextAtMs: z.int().optional(),
});
export type ReportsView = z.infer<typeof reportsView>;
/** `reports`: what its forge shows of it; absent where no forge shows it. */
export const runReply = z.object({ run: runView, checks: z.array(checkView), reports: reportsView.optional() });
/** `from` is the number of jobs already read, in plan order. */
export const jobsQuery = z.strictObject({ from: z.coerce.number().int().min(0).default(0) });
/** The run, a page of its jobs in plan order and its checks. `next`: ask again with `from` set to it. */
export const jobsReply = z.object({
  run: runView,
  jobs: z.array(jobView),
  checks: z.array(checkView),
  reports: reportsView.optional(),
  next: z.int().positive().optional(),
});
export const jobReply = z.object({ job: jobView });

/** `after` is the last sequence number already read; `fence` picks an attempt, the newest where absent. */
export const logQuery = z.strictObject({ after: z.coerce.number().int().min(-1).default(-1), fence: fence.optional() });
export const logReply = z.object({
  fence: z.int().nonnegative(),
  /** True when nothing will be added: read to the end of `chunks` pages and stop. */
  sealed: z.boolean(),
  /** The last `seq` of this page; ask again with `after` set to it. */
  lastSeq: z.int(),
  /** True when another page is there already. */
  more: z.boolean(),
  chunks: z.array(logChunkSchema.partial({ offset: true, bytes: true, sha256: true }).extend({ url: z.string() })),
  gaps: z.array(logGapSchema),
  seal: logSealSchema.optional(),
});
export type LogPage = z.infer<typeof logReply>;

export const artifactsReply = z.object({
  artifacts: z.array(z.object({ jobId, fence: z.int().positive(), artifact: artifactSchema })),
});
export const artifactQuery = z.strictObject({ job: jobId, name: artifactName });
export const artifactLink = z.object({ artifact: artifactSchema, url: z.string() });

export const cancelBody = z.strictObject({ reason: label.optional() });
/** `sha`: the commit that was looked at. */
export const approveBody = z.strictObject({ sha: gitSha });
export const rerunBody = z.strictObject({
  only: z.enum(["all", "failed"]).default("all"),
  watch: z.boolean().default(false),
});
