import type { AuditActor } from "../protocol/audit.ts";
import type { AuditStore } from "../store/audit-store.ts";
import { recordAudit } from "./audit.ts";
import { createToken, type TokenDeps } from "./manage-tokens.ts";

/** Makes a token for somebody who may, who is in the audit before there is one (SECURITY 35). */
export async function issueToken(
  deps: TokenDeps & { readonly audit: AuditStore },
  wanted: Parameters<typeof createToken>[1],
  actor: AuditActor,
): ReturnType<typeof createToken> {
  const { name, scopes, pools } = wanted;
  const tokenId = deps.random.ulid(deps.clock.nowMs());
  const details = { name, scopes: [...scopes], ...(pools === undefined ? {} : { pools: [...pools] }) };
  await recordAudit(deps, { action: "token.create", actor, subject: tokenId, details });
  return createToken(deps, { ...wanted, tokenId });
}
