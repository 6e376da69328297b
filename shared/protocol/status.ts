import { z } from "zod";
import { jobId, label, poolName, runId } from "./ids.ts";

/** How a control plane is. What could not be learnt is absent, and named in `unknown`: it is never told as 0. */

const count = z.int().nonnegative();

export const statusQuery = z.object({
  /** Leave out what is slow and has a price of its own to ask: CloudWatch is asked for what was used. */
  cost: z.enum(["yes", "no"]).default("yes"),
});

export const statusReply = z.object({
  atMs: z.int(),
  pools: z.array(
    z.object({
      name: poolName,
      /** Messages in its queue: approximate, and more than one for a job on purpose. */
      offers: count.optional(),
      /** Jobs that are free to be claimed. */
      queued: count.optional(),
      /** Jobs that are leased. */
      leased: count.optional(),
    }),
  ),
  /** By name, also those that have gone within the hour. `state` in OpenTelemetry's words for `cicd.worker.state`. */
  runners: z.array(
    z.object({
      name: label,
      state: z.enum(["available", "busy", "offline"]),
      /** Processes of this name that have a session. */
      processes: count,
      pools: z.array(poolName),
      slots: count,
      busy: count.optional(),
      /** When it last opened or renewed its session: every 12 minutes. */
      lastSeenAtMs: z.int(),
    }),
  ),
  /** Active runs, by OpenTelemetry's `cicd.pipeline.run.state`. */
  runs: z.object({ active: count, pending: count, executing: count, finalizing: count }).optional(),
  jobs: z.object({ waiting: count, held: count, queued: count, leased: count }).optional(),
  /** The job that has been free for longest. */
  oldestWait: z.object({ run: runId, job: jobId, pool: poolName, waitMs: count }).optional(),
  /** The last sweep that ended. */
  sweep: z.object({ startedAtMs: z.int(), endedAtMs: z.int(), failedParts: z.array(z.string()) }).optional(),
  deadLetters: z.array(z.object({ queue: z.string(), messages: count.optional() })),
  /** US dollars at list prices, and what of a bill is not in it. */
  cost: z
    .object({
      sinceMs: z.int(),
      /** `process`: what this process of the embedded stack would have cost on AWS. */
      countedBy: z.enum(["process", "cloudwatch"]),
      dollars: z.number().nonnegative(),
      byService: z.record(z.string(), z.number()),
      notCounted: z.array(z.string()),
    })
    .optional(),
  /** More runs were active, or more runners there, than were looked at: counts are of those that were. */
  cut: z.array(z.enum(["runs", "runners"])),
  unknown: z.array(z.object({ what: z.string(), why: z.string() })),
});
export type Status = z.infer<typeof statusReply>;
