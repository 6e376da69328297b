import { z } from "zod";
import { DELIVERY_STATES } from "../domain/delivery-moves.ts";
import { historySchema } from "./runs.ts";

/** As the forge shows it: `X-GitHub-Delivery`. Whatever else comes would not fit a key. */
export const deliveryId = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "a delivery's id is 1 to 64 letters, digits or -");

/** What came of one trigger for one pipeline: a run, or the reason why there is none; both where a run was superseded. */
export const decisionSchema = z.object({
  /** The path of its definition; `*` where no pipeline was looked at. */
  pipeline: z.string(),
  runId: z.string().optional(),
  reason: z.string().optional(),
});
export type Decision = z.infer<typeof decisionSchema>;

/** What a forge is answered: that its delivery is kept. What comes of it is decided later. */
export const deliveryReply = z.object({
  delivery: z.string(),
  state: z.enum(DELIVERY_STATES),
  /** This id came before; nothing has changed. */
  duplicate: z.boolean(),
});

/** What came of one delivery: a run or a reason for each pipeline, `*` where none was looked at. */
const deliveryView = z.object({
  id: z.string(),
  event: z.string(),
  state: z.enum(DELIVERY_STATES),
  receivedAtMs: z.int(),
  endedAtMs: z.int().optional(),
  /** Why it starts nothing, or could not be decided. */
  reason: z.string().optional(),
  decisions: z.array(decisionSchema),
  history: historySchema,
});
export const showDeliveryReply = z.object({ delivery: deliveryView });
