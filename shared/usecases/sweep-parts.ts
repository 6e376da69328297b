import { sweepMoves } from "../domain/heads-moves.ts";
import { sweepKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { SweepItem } from "../store/sweep-items.ts";
import type { Deps } from "./deps.ts";

export type SweepPartName = "runs" | "deliveries" | "reports" | "schedules" | "projects";

/** One part of a sweep; it answers how much it found. */
export interface SweepPart {
  readonly name: SweepPartName;
  sweep(): Promise<number>;
}

/**
 * Does each part in turn. One that fails keeps no other from its turn; the sweep as a whole then fails, so that whoever
 * called it sees it. What was found is answered, and when it ended is kept for `baton status`: one write a sweep.
 */
export async function sweepParts(
  deps: Deps,
  parts: readonly SweepPart[],
): Promise<Partial<Record<SweepPartName, number>>> {
  const startedAtMs = deps.clock.nowMs();
  const found: Partial<Record<SweepPartName, number>> = {};
  const failures: { readonly name: SweepPartName; readonly error: unknown }[] = [];
  for (const { name, sweep } of parts) {
    try {
      found[name] = await sweep();
    } catch (error) {
      deps.metrics.count("SweepFailed", 1, { part: name });
      failures.push({ name, error });
    }
  }
  const failedParts = failures.map(({ name }) => name);
  await record(deps, startedAtMs, failedParts);
  if (failures.length === 0) return found;
  const errors = failures.map(({ error }) => error);
  throw new AggregateError(errors, `these parts of a sweep failed: ${failedParts.join(", ")} (${errors.join("; ")})`);
}

async function record(deps: Deps, startedAtMs: number, failedParts: readonly string[]): Promise<void> {
  const { tenant } = deps.settings;
  const nowMs = deps.clock.nowMs();
  const args = { nowMs, startedAtMs, failedParts };
  const { item } = await deps.store.apply(sweepMoves.record, sweepKey(tenant), args, { actor: "sweep" });
  if (item === undefined) await deps.store.birthEach([sweepItem(tenant, startedAtMs, nowMs, failedParts)]);
}

function sweepItem(tenant: string, startedAtMs: number, endedAtMs: number, failedParts: readonly string[]): SweepItem {
  return {
    ...sweepKey(tenant),
    v: ITEM_VERSION,
    tenant,
    family: "sweep",
    state: "kept",
    startedAtMs,
    endedAtMs,
    failedParts: [...failedParts],
    history: {},
  };
}
