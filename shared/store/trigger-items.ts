import { z } from "zod";
import { DELIVERY_STATES } from "../domain/delivery-moves.ts";
import { historySchema } from "../protocol/runs.ts";
import { toldRepositorySchema, triggerSchema } from "../protocol/triggers.ts";
import { decisionSchema } from "../protocol/webhooks.ts";
import { itemBase, wakes } from "./item-base.ts";

/** Items between an event of a forge and the runs that it starts. */

/** One webhook delivery, kept 7 days by its id; what it said, never its payload. */
export const deliveryItemSchema = z.object({
  ...itemBase,
  family: z.literal("delivery"),
  state: z.enum(DELIVERY_STATES),
  /** Grows whenever it was postponed, or came again: a message for an earlier try does nothing. */
  fence: z.int(),
  /** How often it was postponed since it came. */
  tries: z.int().default(0),
  forge: z.literal("github"),
  deliveryId: z.string(),
  project: z.string(),
  /** The event's name, as the forge calls it. */
  event: z.string(),
  trigger: triggerSchema.optional(),
  /** Which repository it is of, as the event names it. */
  repository: toldRepositorySchema.optional(),
  receivedAtMs: z.int(),
  ...wakes,
  endedAtMs: z.int().optional(),
  reason: z.string().optional(),
  decisions: z.array(decisionSchema).optional(),
  history: historySchema,
});
export type DeliveryItem = z.infer<typeof deliveryItemSchema>;

/** That a trigger was decided, for every pipeline: whoever brings it again gets the same answer, and nothing starts. */
export const decidedItemSchema = z.object({
  ...itemBase,
  family: z.literal("decided"),
  decisions: z.array(decisionSchema),
  /** Pipelines that supersede, each with the turn of an older push whose place a filter has left as it was; else 0. */
  turns: z.record(z.string(), z.int()).optional(),
  /** The commit at which there was no pipeline: of a fork, the base's. Of another commit nothing was decided. */
  emptyAt: z.string().optional(),
});
export type DecidedItem = z.infer<typeof decidedItemSchema>;

/** That a commit, or a file at it, was not there when it was first asked for: what lags may have it a moment later. */
export const absenceItemSchema = z.object({
  ...itemBase,
  family: z.literal("absence"),
  firstAtMs: z.int(),
});
export type AbsenceItem = z.infer<typeof absenceItemSchema>;

/** That a pull request was closed, and when. */
export const closingItemSchema = z.object({
  ...itemBase,
  family: z.literal("closing"),
  closedAtMs: z.int(),
});
export type ClosingItem = z.infer<typeof closingItemSchema>;

/** The newest push of a branch or pull request that a superseding pipeline has seen. */
export const refItemSchema = z.object({
  ...itemBase,
  family: z.literal("ref"),
  state: z.literal("open"),
  latestAtMs: z.int(),
  /** Of a pull request also the branch that it is to be merged into, after a space. */
  latestSha: z.string(),
  /** Commits that the branch was at before it, with a space between them: more than one where it was pushed again. */
  latestBefore: z.string(),
  /** Grows with every push that takes the place. A fence: a run is superseded by a later turn alone. */
  turn: z.int().default(0),
  /** Commits whose runs may be active, by the keys that these are made under; what an older Baton wrote, by their ids. */
  runs: z.record(z.string(), z.string()),
  history: historySchema,
});
export type RefItem = z.infer<typeof refItemSchema>;
