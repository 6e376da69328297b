import type { AdminReply, AdminRequest } from "../protocol/admin.ts";
import type { AuditStore } from "../store/audit-store.ts";
import { issueToken } from "./issue-token.ts";
import type { TokenDeps } from "./manage-tokens.ts";

export interface BootstrapDeps extends TokenDeps {
  readonly audit: AuditStore;
  /** Keeps the key where the functions read it, unless there is one already. */
  readonly addSigningKey: (key: string) => Promise<"made" | "kept">;
}

/** What a new deployment lacks: the key that signs sessions and leases, made once, and an API token. Repeatable. */
export async function bootstrap(
  deps: BootstrapDeps,
  { name, scopes, pools }: Pick<AdminRequest, "name" | "scopes" | "pools">,
): Promise<AdminReply> {
  const signingKey = await deps.addSigningKey(deps.random.secret());
  const actor = { kind: "operator", id: "iam", name: "admin function" } as const;
  const made = await issueToken(deps, { name, scopes, pools }, actor);
  return { ...made, signingKey };
}
