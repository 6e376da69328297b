import { z } from "zod";
import { POOLS_PER_SESSION_MAX } from "../domain/limits.ts";
import { label, poolName } from "./ids.ts";

/** API tokens: 256 random bits, kept as a hash, scoped, revocable (SECURITY 25). */

export const SCOPES = ["read", "run", "runner", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** The only pools that a runner token opens sessions of; where absent, of any. */
export const tokenPools = z.array(poolName).min(1).max(POOLS_PER_SESSION_MAX).optional();

/** Pools bind what a runner does, and nothing binds an administrator. */
export const poolsFit = ({ scopes, pools }: { readonly scopes: readonly Scope[]; readonly pools?: unknown }): boolean =>
  pools === undefined || (scopes.includes("runner") && !scopes.includes("admin"));
export const POOLS_MISFIT = {
  error: "pools bind a token with the scope runner; one with the scope admin may do everything",
  path: ["pools"],
};

export const createTokenBody = z
  .strictObject({ name: label, scopes: z.array(z.enum(SCOPES)).min(1), pools: tokenPools })
  .refine(poolsFit, POOLS_MISFIT);

export const tokenView = z.object({
  id: z.string(),
  name: label,
  scopes: z.array(z.enum(SCOPES)),
  pools: tokenPools,
  createdAtMs: z.int(),
  revokedAtMs: z.int().optional(),
});
export type TokenView = z.infer<typeof tokenView>;

/** The only time that the token itself is shown. */
export const createTokenReply = z.object({ token: z.string(), view: tokenView });
export const listTokensReply = z.object({ tokens: z.array(tokenView) });
