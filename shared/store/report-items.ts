import { z } from "zod";
import { OUTBOX_STATES } from "../domain/outbox-moves.ts";
import { REFUSAL_KINDS } from "../domain/refusals.ts";
import { STATUS_STATES } from "../domain/status-moves.ts";
import { historySchema } from "../protocol/runs.ts";
import { itemBase, wakes } from "./item-base.ts";

/** What was sent of one thing that a forge shows. */
const sentSchema = z.object({
  /** Of what it showed; empty where it shows nothing yet. */
  digest: z.string(),
  /** The forge's own id; absent where it refused. */
  id: z.string().optional(),
  /** Why the forge will never take this one. */
  refused: z.string().optional(),
  /** Why it does not take it now, and since when. */
  waits: z.object({ message: z.string(), kind: z.enum(REFUSAL_KINDS), sinceMs: z.int() }).optional(),
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
  /** A sender died: what the forge took of what it sent is unknown. */
  isUnsure: z.boolean().optional(),
  /** Failures in a row. */
  tries: z.int(),
  ...wakes,
  /** By the key of what is shown. */
  sent: z.record(z.string(), sentSchema),
  /** Of a comment: the newest run of each pipeline. */
  parts: z.record(z.string(), partSchema),
  error: z.string().optional(),
  errorKind: z.enum(REFUSAL_KINDS).optional(),
  createdAtMs: z.int(),
  endedAtMs: z.int().optional(),
  history: historySchema,
});
export type OutboxItem = z.infer<typeof outboxItemSchema>;

/** How one run answers under a name. */
const entrySchema = z.object({
  runId: z.string(),
  /** Sorts the runs of a lane by their creation. */
  order: z.string(),
  /** Grows with each look at the run. */
  version: z.int(),
  state: z.enum(["queued", "in_progress", "completed"]),
  conclusion: z.string().optional(),
  title: z.string(),
  /** Of the job or named check; absent where the whole run is one status. */
  check: z.string().optional(),
  /** What the run is of, for people: `push to main`. */
  about: z.string(),
  /** Of all that the run would show. */
  digest: z.string(),
});
export type StatusEntry = z.infer<typeof entrySchema>;

const shownSchema = z.object({
  /** Of what the forge shows; absent where that is not known. */
  digest: z.string().optional(),
  /** The forge's own id of it; absent where nothing was sent yet. */
  id: z.string().optional(),
  isCompleted: z.boolean(),
  /** How the forge words it: what two equal ones share. */
  word: z.string().optional(),
  /** How often something was sent. */
  sends: z.int(),
});
export type Shown = z.infer<typeof shownSchema>;

/** What a forge shows under one name at one commit. */
export const statusItemSchema = z.object({
  ...itemBase,
  family: z.literal("status"),
  state: z.enum(STATUS_STATES),
  name: z.string(),
  /** Grows with each sender. */
  seq: z.int(),
  sender: z.string().optional(),
  untilMs: z.int().optional(),
  /** Grows with each change of the entries, and with each dispute. */
  revision: z.int(),
  /** How often what the forge shows became unknown while somebody may have been sending. */
  disputes: z.int(),
  lanes: z.int(),
  entries: z.record(z.string(), entrySchema),
  shown: shownSchema,
});
export type StatusItem = z.infer<typeof statusItemSchema>;
