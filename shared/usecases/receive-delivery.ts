import { deliveryMoves } from "../domain/delivery-moves.ts";
import { DELIVERY_MS, DELIVERY_TRIES_MAX } from "../domain/limits.ts";
import type { ToldRepository, Trigger } from "../protocol/triggers.ts";
import { ttlAt } from "../store/item-base.ts";
import { DELIVERIES_SHARD, type DeliveryRef, deliveryKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { Applied } from "../store/store.ts";
import type { DeliveryItem } from "../store/trigger-items.ts";
import { hint } from "./hints.ts";
import type { DeliveryDeps } from "./trigger-deps.ts";

/** A delivery whose signature holds, and what it says: a trigger, or why it starts nothing. */
export interface Delivery extends DeliveryRef {
  readonly event: string;
  readonly said:
    | { readonly trigger: Trigger; readonly repository?: ToldRepository }
    /** It has another name. */
    | { readonly repository: ToldRepository }
    | { readonly ignored: string };
}

/**
 * Keeps a delivery, then asks the plan function to decide it. A known id changes nothing where it was handled; where it is
 * still `received`, it is asked for again; and where it has failed, or was ignored for what was mended since, it is decided
 * anew. Whatever is lost after the write, sweep finds.
 */
export async function receiveDelivery(
  deps: DeliveryDeps,
  delivery: Delivery,
): Promise<{ readonly state: DeliveryItem["state"]; readonly duplicate: boolean }> {
  const item = deliveryItem(deps, delivery);
  const born = await deps.store.birth([item]);
  const again = born === "born" ? undefined : await receiveAgain(deps, item);
  const isNew = born === "born" || again?.applied === true;
  deps.metrics.count("WebhookDeliveries", 1, { outcome: isNew ? "accepted" : "duplicate" });
  const kept = again?.item ?? item;
  if (kept.state === "received") await hint(deps, "a delivery", () => deps.sendDelivery(refOf(delivery)));
  return { state: kept.state, duplicate: !isNew };
}

/** An event that starts nothing still starts nothing. */
async function receiveAgain(deps: DeliveryDeps, item: DeliveryItem): Promise<Applied<DeliveryItem>> {
  const { trigger, repository = { name: "" }, ttl } = item;
  const kept = await deps.triggers.getDelivery(item);
  if (trigger === undefined || (kept?.state !== "failed" && kept?.state !== "ignored"))
    return { applied: false, item: kept };
  const nowMs = deps.clock.nowMs();
  const args = {
    nowMs,
    trigger,
    repository,
    ttl,
    dueShard: DELIVERIES_SHARD,
    fence: kept.fence,
    fenceMax: DELIVERY_TRIES_MAX,
  };
  return deps.store.apply(deliveryMoves.receiveAgain, item, args, { actor: "forge" });
}

const refOf = ({ tenant, forge, project, deliveryId }: DeliveryRef): DeliveryRef => ({
  tenant,
  forge,
  project,
  deliveryId,
});

function deliveryItem(deps: DeliveryDeps, delivery: Delivery): DeliveryItem {
  const { event, said } = delivery;
  const nowMs = deps.clock.nowMs();
  const base = {
    ...deliveryKey(delivery),
    ...refOf(delivery),
    v: ITEM_VERSION,
    ttl: ttlAt(nowMs + DELIVERY_MS),
    family: "delivery",
    fence: 0,
    tries: 0,
    event,
    receivedAtMs: nowMs,
    history: {},
  } as const;
  if ("ignored" in said) return { ...base, state: "ignored", reason: said.ignored, endedAtMs: nowMs };
  const told = {
    ...("trigger" in said ? { trigger: said.trigger } : {}),
    ...(said.repository === undefined ? {} : { repository: said.repository }),
  };
  return { ...base, ...told, state: "received", wakeAtMs: nowMs, dueShard: DELIVERIES_SHARD };
}
