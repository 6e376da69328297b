import type { AdminReply, AdminRequest } from "../protocol/admin.ts";
import { createToken, type TokenDeps } from "./manage-tokens.ts";

export interface BootstrapDeps extends TokenDeps {
  /** Keeps the key where the functions read it, unless there is one already. */
  readonly addSigningKey: (key: string) => Promise<"made" | "kept">;
}

/** What a new deployment lacks: the key that signs sessions and leases, made once, and an API token. Repeatable. */
export async function bootstrap(
  deps: BootstrapDeps,
  { name, scopes }: Pick<AdminRequest, "name" | "scopes">,
): Promise<AdminReply> {
  const signingKey = await deps.addSigningKey(deps.random.secret());
  return { ...(await createToken(deps, { name, scopes })), signingKey };
}
