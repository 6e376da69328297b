import { z } from "zod";
import {
  ARTIFACT_BYTES_MAX,
  ARTIFACTS_PER_ATTEMPT_MAX,
  CHECK_RESULTS_MAX,
  COMPLETION_BYTES_MAX,
  LOG_BYTES_MAX,
  LOG_CHUNK_BYTES_MAX,
  LOG_CHUNKS_MAX,
  LOG_INDEX_INLINE_MAX,
  LOSS_LENGTH_MAX,
  LOSSES_MAX,
} from "../domain/limits.ts";
import { artifactName, checkId, sha256 } from "./ids.ts";

/** What an attempt makes: a log of immutable gzip chunks with its seal, artifacts, results of checks. */

/** One chunk. `offset` and `bytes` count the masked output, `gzipBytes` and `sha256` the object as stored. */
export const logChunkSchema = z.strictObject({
  seq: z.int().nonnegative().max(LOG_CHUNKS_MAX),
  offset: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  gzipBytes: z.int().nonnegative().max(LOG_CHUNK_BYTES_MAX),
  sha256,
});
export type LogChunk = z.infer<typeof logChunkSchema>;

/** Output that was produced but not kept, and why. Its bytes count in the offsets. */
export const logGapSchema = z.strictObject({
  offset: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  reason: z.enum(["upload_failed", "spool_full", "limit", "runner_lost"]),
});
export type LogGap = z.infer<typeof logGapSchema>;

export const logIndexSchema = z.strictObject({
  chunks: z.array(logChunkSchema).max(LOG_CHUNKS_MAX),
  gaps: z.array(logGapSchema).max(LOG_CHUNKS_MAX),
});
export type LogIndex = z.infer<typeof logIndexSchema>;

/**
 * The seal of a log: after it the log is final. A short index stands in it; a longer one is the object
 * `log-index`, named here by its digest; `index_lost` says that even the index could not be stored.
 */
export const logSealSchema = z.strictObject({
  bytes: z
    .int()
    .nonnegative()
    .max(LOG_BYTES_MAX * 4),
  lostBytes: z.int().nonnegative(),
  chunkCount: z.int().nonnegative().max(LOG_CHUNKS_MAX),
  index: z.union([
    z.strictObject({
      kind: z.literal("inline"),
      chunks: z.array(logChunkSchema).max(LOG_INDEX_INLINE_MAX),
      gaps: z.array(logGapSchema).max(LOG_INDEX_INLINE_MAX),
    }),
    z.strictObject({ kind: z.literal("object"), sha256, bytes: z.int().positive() }),
    z.strictObject({ kind: z.literal("lost") }),
  ]),
});
export type LogSeal = z.infer<typeof logSealSchema>;

/** Said where a seal's short index does not make up its log: a byte of it would be neither kept nor recorded as lost. */
export const SEAL_MISTAKE = "the chunks and gaps of a seal must make up the log, each byte once";

/** Whether chunks and gaps tile the whole log. Of an index that is an object, or lost, only its reader can tell. */
export function isWholeSeal(seal: LogSeal): boolean {
  return seal.index.kind === "inline" ? isWholeIndex(seal, seal.index) : seal.lostBytes <= seal.bytes;
}

/** Whether the index is one of this very log: each byte once, and the chunks in the order of their numbers. */
export function isWholeIndex(
  { bytes, lostBytes, chunkCount }: Pick<LogSeal, "bytes" | "lostBytes" | "chunkCount">,
  { chunks, gaps }: LogIndex,
): boolean {
  const parts = [...chunks, ...gaps].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  const end = parts.reduce((at, part) => (part.offset === at ? at + part.bytes : Number.NaN), 0);
  const lost = gaps.reduce((sum, gap) => sum + gap.bytes, 0);
  return end === bytes && lost === lostBytes && chunkCount === chunks.length && isInOrder(chunks);
}

/** A reader goes on after the last number that it saw: a number that came twice, or too late, would be read twice or never. */
function isInOrder(chunks: readonly LogChunk[]): boolean {
  const byOffset = [...chunks].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  return byOffset.every((chunk, at) => at === 0 || chunk.seq > (byOffset[at - 1]?.seq ?? -1));
}

/** An uploaded artifact. Kind `archive` is a gzip tar of everything that the job's globs matched. */
export const artifactSchema = z.strictObject({
  name: artifactName,
  kind: z.enum(["archive"]),
  bytes: z.int().nonnegative().max(ARTIFACT_BYTES_MAX),
  files: z.int().nonnegative(),
  sha256,
});
export type Artifact = z.infer<typeof artifactSchema>;

/** Why an attempt did not succeed, in the words of requirement D16. */
const FAILURE_CLASSES = ["user", "memory", "infra", "tooling", "flaky", "canceled", "unknown"] as const;

export const failureSchema = z.strictObject({
  class: z.enum(FAILURE_CLASSES),
  message: z.string().max(1_000),
  step: z.string().max(256).optional(),
});
export type Failure = z.infer<typeof failureSchema>;

export const attemptOutcomes = ["succeeded", "failed", "timed_out"] as const;

/** The holder's last word on its attempt; one write holds all of it, so all of it together is bounded too. */
export const completeBody = z
  .strictObject({
    outcome: z.enum(attemptOutcomes),
    exitCode: z.int().optional(),
    /** Set where the holder was killed by a signal: its name. */
    signal: z.string().max(16).optional(),
    failure: failureSchema.optional(),
    log: logSealSchema,
    artifacts: z.array(artifactSchema).max(ARTIFACTS_PER_ATTEMPT_MAX),
    /** What could not be uploaded, said rather than hidden. */
    losses: z.array(z.string().max(LOSS_LENGTH_MAX)).max(LOSSES_MAX),
    checks: z
      .array(
        z.strictObject({
          id: checkId,
          outcome: z.enum(["passed", "failed"]),
          summary: z.string().max(1_000).optional(),
        }),
      )
      .max(CHECK_RESULTS_MAX),
  })
  .refine(({ log }) => isWholeSeal(log), { message: SEAL_MISTAKE, path: ["log"] })
  .refine((completion) => completionBytes(completion) <= COMPLETION_BYTES_MAX, {
    message: `a last word has at most ${COMPLETION_BYTES_MAX} bytes as JSON`,
  });
export type Completion = z.infer<typeof completeBody>;

/** What a last word takes of `COMPLETION_BYTES_MAX`. */
export function completionBytes(completion: object): number {
  return new TextEncoder().encode(JSON.stringify(completion)).length;
}
