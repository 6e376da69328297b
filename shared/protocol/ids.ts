import { z } from "zod";
import { JOB_ID_PATTERN, NAME_PATTERN, RUN_ID_PATTERN } from "../domain/id-patterns.ts";
import { IDEMPOTENCY_KEY_LENGTH_MAX, NAME_LENGTH_MAX } from "../domain/limits.ts";

/** Ids as they travel. A run's id sorts by its time of birth (ULID, lower case, https://github.com/ulid/spec). */

export const runId = z.string().regex(RUN_ID_PATTERN, "a run id is run_ and 26 lower-case ULID characters");
export const jobId = z
  .string()
  .regex(JOB_ID_PATTERN, "a job id is 1 to 64 letters, digits, _ or -, and starts with a letter or a digit");
export const poolName = z.string().regex(NAME_PATTERN, "a pool name is 1 to 64 letters, digits, . _ or -");
export const projectName = z.string().regex(NAME_PATTERN, "a project name is 1 to 64 letters, digits, . _ or -");
export const checkId = z.string().regex(NAME_PATTERN, "a check id is 1 to 64 letters, digits, . _ or -");
/** No folder in it, so that it can never climb out of its prefix in the bucket. */
export const artifactName = z
  .string()
  .regex(NAME_PATTERN, "an artifact name is 1 to 64 letters, digits, . _ or -, with no / and no leading dot");
export const claimId = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/, "a claim id is 16 to 64 URL-safe characters");
export const runnerId = z.string().regex(/^rnr_[0-9a-hjkmnp-tv-z]{26}$/);
export const fence = z.coerce.number().int().positive();
export const idempotencyKey = z.string().min(1).max(IDEMPOTENCY_KEY_LENGTH_MAX);
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 digest is 64 lower-case hexadecimal digits");
export const gitSha = z.string().regex(/^[0-9a-f]{40}$/, "a commit is named by its full 40-digit SHA");
export const label = z.string().min(1).max(NAME_LENGTH_MAX);
