import { deliveryMoves } from "../domain/delivery-moves.ts";
import { DELIVERY_GIVE_UP_MS, DELIVERY_RETRY_MAX_MS, SWEEP_DELIVERIES_MAX, SWEEP_LAG_MS } from "../domain/limits.ts";
import { eachApart } from "../lib/each-apart.ts";
import { deliveryKey, deliveryOf, type Key } from "../store/keys.ts";
import type { DeliveryItem } from "../store/trigger-items.ts";
import { failDelivery, giveUpMs } from "./decide-delivery.ts";
import type { DeliveryDeps } from "./trigger-deps.ts";

const WIDTH = 8;
/** Past its last try by this much nobody decides it any more, whatever the reason: a message that always fails. */
const abandonedMs = (item: DeliveryItem) => giveUpMs(item) + DELIVERY_GIVE_UP_MS;

type SweepDeliveriesDeps = Omit<DeliveryDeps, "secrets" | "forgeHosts">;

/**
 * Asks again for deliveries that have waited for over a minute past their time: a message was lost, a function died, or
 * a forge did not answer. It decides nothing itself, but that one which nobody can decide is given up. One that fails keeps no
 * other from its turn; its error is thrown when all had theirs.
 */
export async function sweepDeliveries(deps: SweepDeliveriesDeps): Promise<number> {
  const nowMs = deps.clock.nowMs();
  const late = await deps.triggers.dueDeliveries(nowMs - SWEEP_LAG_MS, SWEEP_DELIVERIES_MAX);
  return eachApart(late, WIDTH, (key) => sweepOne(deps, key, nowMs));
}

async function sweepOne(deps: SweepDeliveriesDeps, key: Pick<Key, "pk">, nowMs: number): Promise<boolean> {
  const ref = deliveryOf(key);
  const item = await deps.triggers.getDelivery(deliveryKey(ref));
  if (item === undefined || item.state !== "received") return true;
  if (nowMs - item.receivedAtMs <= abandonedMs(item)) {
    await deps.sendDelivery(ref);
    const waitMs = Math.min(DELIVERY_RETRY_MAX_MS, Math.max(SWEEP_LAG_MS, nowMs - item.receivedAtMs));
    const args = { nowMs, seenWakeAtMs: item.wakeAtMs ?? nowMs, wakeAtMs: nowMs + waitMs };
    await deps.store.apply(deliveryMoves.remind, item, args, { actor: "sweep" });
    return true;
  }
  const reason = "nobody could decide it for many hours; the log of the plan function says why";
  const project = await deps.projects.getProject(item.tenant, item.project);
  await failDelivery(deps, project, item, { actor: "sweep", reason });
  return true;
}
