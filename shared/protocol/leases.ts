import { z } from "zod";
import {
  ARTIFACT_BYTES_MAX,
  LOG_CHUNKS_MAX,
  LOG_INDEX_BYTES_MAX,
  OFFER_WAIT_SECONDS_MAX,
  OFFERS_PER_CALL_MAX,
  POOLS_PER_SESSION_MAX,
  RECEIPT_LENGTH_MAX,
  UPLOADS_PER_CALL_MAX,
} from "../domain/limits.ts";
import { jobSpecSchema } from "../domain/plan.ts";
import { artifactName, claimId, jobId, label, poolName, projectName, runId, runnerId, sha256 } from "./ids.ts";
import { artifactSchema, failureSchema, isWholeSeal, logSealSchema, SEAL_MISTAKE } from "./products.ts";
import { sourceSchema } from "./runs.ts";
import { runTriggerSchema } from "./triggers.ts";

/** The runner's side of the protocol (DESIGN section 5). Durations, not dates, wherever two clocks would meet. */

/** An offer: a hint that a job may be free at a fence. It carries no authority. */
export const offerSchema = z.object({
  v: z.literal(1),
  tenant: z.string(),
  runId,
  jobId,
  fence: z.int().nonnegative(),
});
export type Offer = z.infer<typeof offerSchema>;

export const openSessionBody = z.strictObject({
  name: label,
  pools: z.array(poolName).min(1).max(POOLS_PER_SESSION_MAX),
  slots: z.int().min(1).max(256),
  /** Where it takes offers: from the queues, or through this API, which the operator must allow. */
  poll: z.enum(["queue", "api"]).default("queue"),
  /** A session that is good for one claim, of one job (SECURITY 23). */
  ephemeral: z.boolean().default(false),
  /** The id that this process's first session got: it is one runner to people, however often it renews. */
  firstSession: runnerId.optional(),
});

/** `firstSession` as when it was renewed: the session alone says it by now, and runners of before send it. */
export const closeSessionBody = z.strictObject({ firstSession: runnerId.optional() });

export const sessionReply = z.object({
  runnerId,
  sessionToken: z.string(),
  /** How long the session token lives; renew well before. */
  expiresInMs: z.int().positive(),
  pools: z.array(z.object({ name: poolName, queueUrl: z.string() })),
  /** How to reach the pools' queues, and nothing else, for as long as the session lives. Absent for one that polls here. */
  sqs: z
    .object({
      region: z.string(),
      endpoint: z.string().optional(),
      credentials: z.object({
        accessKeyId: z.string(),
        secretAccessKey: z.string(),
        sessionToken: z.string().optional(),
      }),
    })
    .optional(),
});
export type Session = z.infer<typeof sessionReply>;

/** A bounded wait: this function is paid for while it waits. */
export const receiveOffersBody = z.strictObject({
  max: z.int().min(1).max(OFFERS_PER_CALL_MAX),
  waitSeconds: z.int().min(0).max(OFFER_WAIT_SECONDS_MAX),
});
export const receiveOffersReply = z.object({ offers: z.array(z.object({ receipt: z.string(), body: z.string() })) });
/** SQS's receipt handles, of the same pool. */
export const receiptsBody = z.strictObject({
  receipts: z.array(z.string().min(1).max(RECEIPT_LENGTH_MAX)).min(1).max(OFFERS_PER_CALL_MAX),
});

/** A presigned request: send exactly these headers with it. */
export const signedRequestSchema = z.object({
  method: z.enum(["PUT", "GET"]),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
});
export type SignedRequest = z.infer<typeof signedRequestSchema>;

/** `fence` is the one that the offer carried; the grant's is one more. */
export const claimBody = z.strictObject({ claimId, fence: z.int().nonnegative() });

export const leaseGranted = z.object({
  fence: z.int().positive(),
  leaseToken: z.string(),
  /** From when the claim was sent, the lease lives this long unless renewed. */
  ttlMs: z.int().positive(),
  heartbeatMs: z.int().positive(),
  /** From when the claim was sent, nothing of this attempt is accepted after this long. */
  hardDeadlineInMs: z.int().positive(),
  /** From when the claim was sent, the job's own timeout: the runner stops the attempt itself. */
  timeoutMs: z.int().positive(),
  runId,
  jobId,
  /** The job's own, of those that the session serves. */
  pool: poolName.optional(),
  project: projectName,
  pipeline: z.string(),
  attempt: z.int().positive(),
  spec: jobSpecSchema,
  source: sourceSchema.optional(),
  /** There may be a credential to fetch the source with: ask for it before the checkout. */
  sourceCredential: z.boolean().optional(),
  /** What started the run, where an event did: its steps find it in their environment. */
  trigger: runTriggerSchema.pick({ event: true, tag: true, number: true, base: true }).optional(),
  /** Names of the secrets that the job asked for, and may have. */
  secrets: z.array(z.string()),
  /** Why it may have none. */
  secretsWithheld: z.literal("fork").optional(),
  /** Where the log's first chunk goes, so that a short job needs no other upload call. */
  firstLogUpload: signedRequestSchema,
  watched: z.boolean(),
});
export type LeaseGranted = z.infer<typeof leaseGranted>;

const PHASES = ["starting", "running", "uploading"] as const;

export const heartbeatBody = z.strictObject({
  phase: z.enum(PHASES),
  /** The step at work, counted from 0. */
  step: z.int().nonnegative(),
  /** Bytes of the attempt's log so far. */
  logBytes: z.int().nonnegative(),
});
export type Progress = z.infer<typeof heartbeatBody>;

export const STOP_REASONS = ["cancel", "timeout", "superseded"] as const;

export const heartbeatAck = z.object({
  /** From when the heartbeat was sent, the lease lives this long. */
  ttlMs: z.int().nonnegative(),
  /** Set where the attempt must stop: kill the steps, then say so, within `inMs` of when the heartbeat was sent. */
  stop: z.object({ reason: z.enum(STOP_REASONS), inMs: z.int().nonnegative() }).optional(),
  watched: z.boolean(),
});
export type HeartbeatAck = z.infer<typeof heartbeatAck>;

export const uploadsBody = z.strictObject({
  files: z
    .array(
      z.discriminatedUnion("kind", [
        z.strictObject({
          kind: z.literal("log"),
          seq: z.int().nonnegative().max(LOG_CHUNKS_MAX),
          bytes: z.int().nonnegative(),
          sha256,
        }),
        z.strictObject({ kind: z.literal("log-index"), bytes: z.int().positive().max(LOG_INDEX_BYTES_MAX), sha256 }),
        z.strictObject({
          kind: z.literal("artifact"),
          name: artifactName,
          bytes: z.int().nonnegative().max(ARTIFACT_BYTES_MAX),
          sha256,
        }),
      ]),
    )
    .min(1)
    .max(UPLOADS_PER_CALL_MAX),
});
export type UploadFile = z.infer<typeof uploadsBody>["files"][number];

/** In the order of the request. */
export const uploadsReply = z.object({ uploads: z.array(signedRequestSchema) });

/** Artifacts of the jobs that the spec names in `artifacts.from`, with links that live for minutes. */
export const inputsReply = z.object({
  inputs: z.array(
    z.object({ jobId, fence: z.int().positive(), artifact: artifactSchema, download: signedRequestSchema }),
  ),
});

/** By name. `withheld`: a fork's run gets none, and its steps find the variables unset. */
export const secretsReply = z.object({
  values: z.record(z.string(), z.string()),
  withheld: z.literal("fork").optional(),
});

/**
 * What the attempt fetches its source with, over HTTPS and from the URL of its grant alone; none where the project has
 * none for it, and then `problem` may say why.
 */
export const sourceReply = z.object({
  credential: z.object({ username: z.string(), password: z.string() }).optional(),
  problem: z.string().optional(),
});
export type SourceCredential = NonNullable<z.infer<typeof sourceReply>["credential"]>;

/** `ended`: where the job stands now. */
export const completeReply = z.object({ state: z.string() });

/**
 * Given back: the job may be granted again, out of its loss budget. `failure`: what of the infrastructure failed, where the
 * attempt got so far as to know, with its log.
 */
export const releaseBody = z
  .strictObject({
    reason: z.enum(["drain", "runner_lost", "workspace_failed", "deadline_passed", "inputs_lost", "artifacts_lost"]),
    failure: failureSchema.extend({ class: z.enum(["infra", "tooling"]) }).optional(),
    log: logSealSchema.optional(),
  })
  .refine(({ log }) => log === undefined || isWholeSeal(log), { message: SEAL_MISTAKE, path: ["log"] });
export type Release = z.infer<typeof releaseBody>;

/** The log so far of a stopped attempt, where it could be sealed. */
export const cancelAckBody = z
  .strictObject({ log: logSealSchema.optional() })
  .refine(({ log }) => log === undefined || isWholeSeal(log), { message: SEAL_MISTAKE, path: ["log"] });
