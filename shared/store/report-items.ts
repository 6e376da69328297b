import { z } from "zod";
import { OUTBOX_STATES } from "../domain/outbox-moves.ts";
import { historySchema } from "../protocol/runs.ts";
import { itemBase, wakes } from "./item-base.ts";

/** What was sent of one thing that a forge shows. */
const sentSchema = z.object({
  /** Of what it showed. */
  digest: z.string(),
  /** The forge's own id; absent where it refused. */
  id: z.string().optional(),
  /** Why the forge does not take this one. */
  refused: z.string().optional(),
});
export type Sent = z.infer<typeof sentSchema>;

const partSchema = z.object({ runId: z.string(), createdAtMs: z.int() });

/** The outbox of one run, or of one pull request's comment. Never among a run's hot items. */
export const outboxItemSchema = z.object({
  ...itemBase,
  family: z.literal("outbox"),
  state: z.enum(OUTBOX_STATES),
  project: z.string(),
  /** Grows with each sender. */
  seq: z.int(),
  sender: z.string().optional(),
  /** How often somebody asked the sender to look again. */
  asked: z.int(),
  /** Failures in a row. */
  tries: z.int(),
  ...wakes,
  /** By the key of what is shown. */
  sent: z.record(z.string(), sentSchema),
  /** Of a comment: the newest run of each pipeline. */
  parts: z.record(z.string(), partSchema),
  error: z.string().optional(),
  createdAtMs: z.int(),
  endedAtMs: z.int().optional(),
  history: historySchema,
});
export type OutboxItem = z.infer<typeof outboxItemSchema>;
