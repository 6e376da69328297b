import { z } from "zod";
import { HEAD_STATES, HEADS_STATES } from "../domain/heads-moves.ts";
import { SCHEDULE_STATES } from "../domain/schedule-moves.ts";
import { historySchema } from "../protocol/runs.ts";
import { itemBase, wakes } from "./item-base.ts";

/** What sweep remembers. */

/** One project's comparison with its forge. */
export const headsItemSchema = z.object({
  ...itemBase,
  family: z.literal("heads"),
  state: z.enum(HEADS_STATES),
  project: z.string(),
  ...wakes,
  /** The mark of the last answer that was handled to its end; empty before. */
  etag: z.string(),
  /** When a whole list was last compared. */
  listedAtMs: z.int(),
  /** How often a push has asked for a whole comparison. */
  doubts: z.int().default(0),
  /** That list was cut: the repository has more heads than a forge is asked for. */
  isCut: z.boolean().default(false),
  /** The mark of the last list of tags that was handled to its end; empty before. */
  tagsEtag: z.string().default(""),
  /** When tags were listed last; 0 where they were never seen: then the next list is where they begin. */
  tagsListedAtMs: z.int().default(0),
  /** The commit of the default branch whose schedules are kept; empty before. */
  schedulesSha: z.string(),
  /** In a row. */
  failures: z.int(),
  error: z.string().optional(),
  createdAtMs: z.int(),
  history: historySchema,
});
export type HeadsItem = z.infer<typeof headsItemSchema>;

export const headItemSchema = z.object({
  ...itemBase,
  family: z.literal("head"),
  state: z.enum(HEAD_STATES),
  /** A mark of its own, and no commit, where a push has superseded a run since: then any commit differs. */
  sha: z.string(),
  history: historySchema,
});
export type HeadItem = z.infer<typeof headItemSchema>;

/** A share of a repository's tags (`shared/usecases/seen-tags.ts`). */
export const tagsItemSchema = z.object({
  ...itemBase,
  family: z.literal("tags"),
  state: z.literal("kept"),
  /** Grows with every write. */
  version: z.int(),
  /** Digests of the tags with what they point to, one after another. */
  seen: z.string(),
  history: historySchema,
});
export type TagsItem = z.infer<typeof tagsItemSchema>;

export const scheduleItemSchema = z.object({
  ...itemBase,
  family: z.literal("schedule"),
  state: z.enum(SCHEDULE_STATES),
  project: z.string(),
  pipelinePath: z.string(),
  cron: z.string(),
  /** The branch that it runs; the default branch where absent. */
  branch: z.string().optional(),
  dueAtMs: z.int(),
  ...wakes,
  /** Since it last fired. */
  tries: z.int(),
  /** Due times that were missed, ever. */
  skipped: z.int(),
  firedAtMs: z.int().optional(),
  createdAtMs: z.int(),
  history: historySchema,
});
export type ScheduleItem = z.infer<typeof scheduleItemSchema>;

export const sweepItemSchema = z.object({
  ...itemBase,
  family: z.literal("sweep"),
  state: z.literal("kept"),
  startedAtMs: z.int(),
  endedAtMs: z.int(),
  /** Names of the parts that failed. */
  failedParts: z.array(z.string()),
  history: historySchema,
});
export type SweepItem = z.infer<typeof sweepItemSchema>;
