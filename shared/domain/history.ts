import type { Args } from "./item.ts";
import type { Move } from "./move.ts";

/**
 * Adds what a recorded move writes to the item's history, keyed `<fence>.<move>`: bounded by the budgets and idempotent.
 * A grant is filed under the fence that it makes.
 */
export function withHistory(move: Move, args: Args, cause: { readonly actor: string; readonly reason?: string }): Args {
  if (!move.recorded) return args;
  const historyKey = `${String(args["nextFence"] ?? args["fence"] ?? 0)}.${move.name}`;
  return { ...args, historyKey, historyEntry: { atMs: args["nowMs"], ...cause } };
}
