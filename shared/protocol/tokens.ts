import { z } from "zod";
import { label } from "./ids.ts";

/** API tokens: 256 random bits, kept as a hash, scoped, revocable (SECURITY 25). */

export const SCOPES = ["read", "run", "runner", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

export const createTokenBody = z.strictObject({ name: label, scopes: z.array(z.enum(SCOPES)).min(1) });

export const tokenView = z.object({
  id: z.string(),
  name: label,
  scopes: z.array(z.enum(SCOPES)),
  createdAtMs: z.int(),
  revokedAtMs: z.int().optional(),
});
export type TokenView = z.infer<typeof tokenView>;

/** The only time that the token itself is shown. */
export const createTokenReply = z.object({ token: z.string(), view: tokenView });
export const listTokensReply = z.object({ tokens: z.array(tokenView) });
