import type { TokenView } from "../../shared/protocol/tokens.ts";

/** What a new token may do, in short. */
export function printTokenRights({ scopes, pools }: TokenView): string {
  const bound = pools === undefined ? "" : `; ${pools.length === 1 ? "pool" : "pools"} ${pools.join(", ")}`;
  return scopes.join(", ") + bound;
}
