import { z } from "zod";
import { ENV_ENTRIES_MAX, STEPS_MAX } from "./limits.ts";
import { predicateSchema } from "./predicate.ts";

/** What a planned run is made of: the config language's output, the table's input. All times in milliseconds. */

const environment = z
  .record(z.string(), z.string())
  .refine((entries) => Object.keys(entries).length <= ENV_ENTRIES_MAX);

export const stepSchema = z.strictObject({
  name: z.string(),
  run: z.string(),
  env: environment,
  /** Relative to the workspace; never leaves it. */
  workdir: z.string().optional(),
  timeoutMs: z.int().positive().optional(),
  /** A shell's name or path; `sh` where absent. Called as `<shell> -e <script file>`. */
  shell: z.string().optional(),
});
export type Step = z.infer<typeof stepSchema>;

/** The pool of a job that names none. */
export const POOL_DEFAULT = "default";
/** The pool of pull requests from forks, where a project names none. */
export const POOL_FORKS = "forks";

/** The cold part of a job: all that its runner needs and nobody else does. */
export const jobSpecSchema = z.strictObject({
  name: z.string(),
  steps: z.array(stepSchema).min(1).max(STEPS_MAX),
  env: environment,
  /** Names of secrets that the runner must find; values never pass through the control plane's table. */
  secrets: z.array(z.string()),
  timeoutMs: z.int().positive(),
  artifacts: z.strictObject({
    /** Globs relative to the workspace. */
    paths: z.array(z.string()),
    /** Ids of needed jobs whose artifacts are unpacked into the workspace before the first step. */
    from: z.array(z.string()),
  }),
});
export type JobSpec = z.infer<typeof jobSpecSchema>;

export const plannedJobSchema = z.strictObject({
  id: z.string(),
  pool: z.string(),
  needs: predicateSchema.optional(),
  /** Named checks that it answers; empty: the check of its own name. */
  checks: z.array(z.string()),
  allowFailure: z.boolean(),
  retries: z.strictObject({ failed: z.int().nonnegative(), lost: z.int().nonnegative() }),
  spec: jobSpecSchema,
});
export type PlannedJob = z.infer<typeof plannedJobSchema>;

/** A plan's jobs stand in the order of the file. */
export const planSchema = z.strictObject({ pipeline: z.string(), jobs: z.array(plannedJobSchema).min(1) });
export type Plan = z.infer<typeof planSchema>;
