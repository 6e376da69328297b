import { z } from "zod";
import { label } from "./ids.ts";
import { createTokenReply, POOLS_MISFIT, poolsFit, SCOPES, tokenPools } from "./tokens.ts";

/** What an operator asks of the function `admin`, by lambda:InvokeFunction alone: it works before there is any token. */

export const adminRequest = z
  .strictObject({
    action: z.literal("bootstrap"),
    /** The token's name. */
    name: label,
    scopes: z.array(z.enum(SCOPES)).min(1),
    /** Not sent where absent: an older function knows no such key. */
    pools: tokenPools,
  })
  .refine(poolsFit, POOLS_MISFIT);
export type AdminRequest = z.infer<typeof adminRequest>;

export const adminReply = createTokenReply.extend({
  /** `made`: there was none before. A key that is there is never replaced: tokens of runners would be void. */
  signingKey: z.enum(["made", "kept"]),
});
export type AdminReply = z.infer<typeof adminReply>;
