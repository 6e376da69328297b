import type { Item } from "../../../shared/domain/item.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";
import type { ControlPlane } from "../world/control-plane.ts";
import type { LivingForge } from "../world/forge/start-forge.ts";

/** When a world with a forge has nothing left to do: all was told, decided, compared and shown. */
export interface ForgeRest {
  readonly isAtRest: () => boolean;
  /** Since when sweep compares the project's heads, in true milliseconds. */
  readonly knownSinceMs: () => number | undefined;
}

/** Webhooks that were delayed, or doubled, before the last fault come within this. */
const UNDERWAY_MS = 620_000;
/** Whole comparisons after everything has come to rest. */
const COMPARISONS = 2;

export function watchForgeRest(sim: Simulation, faults: Faults, plane: ControlPlane, living: LivingForge): ForgeRest {
  const { developers, operator, forge } = living;
  const open = new Set<string>();
  let knownSinceMs: number | undefined;
  let comparedMs: number[] = [];
  let changedAtMs = 0;

  plane.table.watch(({ key, after }) => {
    if (after["family"] === "heads") knownSinceMs ??= sim.nowMs();
    if (after["family"] === "run") changedAtMs = sim.nowMs();
    const name = `${key.pk} ${key.sk}`;
    if (isOpen(after)) open.add(name);
    else open.delete(name);
  });
  plane.watchSweeps((beganAtMs) => {
    if (forge.branchesShownAtMs() >= beganAtMs) comparedMs.push(beganAtMs);
  });

  return {
    knownSinceMs: () => knownSinceMs,
    isAtRest() {
      const calmAtMs = Math.max(faults.healAtMs + UNDERWAY_MS, developers.doneAtMs, changedAtMs);
      if (sim.nowMs() < calmAtMs || operator.busy > 0 || open.size > 0) return false;
      comparedMs = comparedMs.filter((atMs) => atMs >= calmAtMs);
      return comparedMs.length >= COMPARISONS;
    },
  };
}

/** Deliveries that nobody has decided, and outboxes with something to send. */
function isOpen(item: Item): boolean {
  if (item["family"] === "delivery") return item["state"] === "received";
  if (item["family"] !== "outbox") return false;
  return item["state"] === "sending" || (item["state"] === "pending" && item["wakeAtMs"] !== undefined);
}
