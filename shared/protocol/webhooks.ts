import { z } from "zod";
import { DELIVERY_STATES } from "../domain/delivery-moves.ts";

/** What a forge is answered: that its delivery is kept. What comes of it is decided later. */
export const deliveryReply = z.object({
  delivery: z.string(),
  state: z.enum(DELIVERY_STATES),
  /** This id came before; nothing has changed. */
  duplicate: z.boolean(),
});
