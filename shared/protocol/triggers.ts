import { z } from "zod";
import { TRIGGER_PATH_LENGTH_MAX, TRIGGER_PATHS_MAX } from "../domain/limits.ts";
import { gitSha } from "./ids.ts";

/** What happened in a repository, in no forge's words. Times are Unix milliseconds. */

/** No control characters: it becomes a variable of a process, and a line of a log. */
const refName = z
  .string()
  .min(1)
  .max(255)
  .regex(/^\P{Cc}+$/u);
const base = {
  sha: gitSha,
  /** When the forge says that it happened; orders two events of one branch that arrive in the wrong order. */
  occurredAtMs: z.int().nonnegative(),
  /** Whom the forge names as the cause: shown, and never trusted (SECURITY 22). */
  actor: z.string().max(255).optional(),
};
/** Changed files, relative; absent where they are not known, or too many to keep. */
const paths = z.array(z.string().max(TRIGGER_PATH_LENGTH_MAX)).max(TRIGGER_PATHS_MAX).optional();

export const triggerSchema = z.discriminatedUnion("event", [
  /** `before` is absent where the branch is new. */
  z.object({
    event: z.literal("push"),
    ...base,
    branch: refName,
    before: gitSha.optional(),
    paths,
    /** What the commit's message holds where its author wants no run: `[skip ci]`. */
    skip: z.string().max(32).optional(),
  }),
  z.object({ event: z.literal("tag"), ...base, tag: refName }),
  z.object({
    event: z.literal("pull_request"),
    ...base,
    action: z.enum(["opened", "synchronize", "reopened", "closed"]),
    number: z.int().positive(),
    /** Its head before this; absent where nobody says. */
    before: gitSha.optional(),
    /** When it was closed last before this: what is started then is started anew. Absent as a forge tells it. */
    closedAtMs: z.int().nonnegative().optional(),
    /** The branch that is to be merged; `sha` is its head. */
    branch: refName,
    base: z.object({ branch: refName, sha: gitSha }),
    /** Its branch lives in another repository: hostile until somebody says otherwise (SECURITY 19). */
    fork: z.boolean(),
    paths,
  }),
  z.object({
    event: z.literal("schedule"),
    ...base,
    branch: refName,
    pipelinePath: z.string(),
    cron: z.string(),
    dueAtMs: z.int().nonnegative(),
  }),
]);
export type Trigger = z.infer<typeof triggerSchema>;

/** Which repository an event is of: its id in the forge, which stays, and its name of then. Old servers tell no id. */
export const toldRepositorySchema = z.object({ id: z.string().optional(), name: z.string() });
export type ToldRepository = z.infer<typeof toldRepositorySchema>;

/** What told us: the forge itself, our own comparison with it, or the clock. */
export const TRIGGER_SOURCES = ["webhook", "sweep", "schedule"] as const;
export type TriggerSource = (typeof TRIGGER_SOURCES)[number];

/** As a run keeps it: without its paths, which decided already. */
export const runTriggerSchema = z.object({
  event: z.enum(["push", "tag", "pull_request", "schedule"]),
  via: z.enum(TRIGGER_SOURCES),
  occurredAtMs: z.int(),
  actor: z.string().optional(),
  branch: z.string().optional(),
  tag: z.string().optional(),
  number: z.int().positive().optional(),
  base: z.object({ branch: z.string(), sha: gitSha }).optional(),
  fork: z.boolean().default(false),
  /** Of a schedule. */
  cron: z.string().optional(),
  /** Of a schedule: how long after its due time it fired. */
  lateMs: z.int().nonnegative().optional(),
});
export type RunTrigger = z.infer<typeof runTriggerSchema>;
