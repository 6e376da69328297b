import { deliveryMoves } from "../domain/delivery-moves.ts";
import { DELIVERY_GIVE_UP_MS, SWEEP_DELIVERIES_MAX, SWEEP_LAG_MS } from "../domain/limits.ts";
import { eachOf } from "../lib/each-of.ts";
import { type DeliveryRef, deliveryKey, deliveryOf } from "../store/keys.ts";
import type { DeliveryDeps } from "./trigger-deps.ts";

const WIDTH = 8;
/** Past its last try by this much nobody decides it any more, whatever the reason: a message that always fails. */
const ABANDONED_MS = 2 * DELIVERY_GIVE_UP_MS;

type SweepDeliveriesDeps = Omit<DeliveryDeps, "secrets" | "forgeHosts" | "projects">;

/**
 * Asks again for deliveries that have waited for over a minute past their time: a message was lost, a function died, or
 * a forge did not answer. It decides nothing itself, but that one which nobody can decide is given up.
 */
export async function sweepDeliveries(deps: SweepDeliveriesDeps): Promise<number> {
  const nowMs = deps.clock.nowMs();
  const late = await deps.triggers.dueDeliveries(nowMs - SWEEP_LAG_MS, SWEEP_DELIVERIES_MAX);
  await eachOf(late, WIDTH, (key) => sweepOne(deps, deliveryOf(key), nowMs));
  return late.length;
}

async function sweepOne(deps: SweepDeliveriesDeps, ref: DeliveryRef, nowMs: number): Promise<void> {
  const item = await deps.triggers.getDelivery(deliveryKey(ref));
  if (item === undefined || item.state !== "received") return;
  if (nowMs - item.receivedAtMs <= ABANDONED_MS) {
    await deps.sendDelivery(ref);
    return;
  }
  const reason = "nobody could decide it for many hours; the log of the plan function says why";
  await deps.store.apply(deliveryMoves.fail, item, { nowMs, reason }, { actor: "sweep", reason });
}
