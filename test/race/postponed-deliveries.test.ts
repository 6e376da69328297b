import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decideDelivery } from "../../shared/usecases/decide-delivery.ts";
import { ForgeError } from "../../shared/usecases/forge.ts";
import { receiveDelivery } from "../../shared/usecases/receive-delivery.ts";
import { HOUR_MS, SECOND_MS } from "../support/times.ts";
import {
  addPushShop,
  decideAll,
  deliveryOf,
  deliveryRefOf,
  newDeliveryId,
  pushOf,
  runsOf,
  type Shop,
} from "../support/trigger-world.ts";
import { startWorld, type World } from "../support/world.ts";

/** A delivery that a forge's short failure postponed: it is decided when its wait is over, not when sweep finds it. */

let world: World;
let shop: Shop;
beforeEach(async () => {
  world = await startWorld();
  shop = await addPushShop(world);
});
afterEach(() => world.stop());

const down = (retryAfterMs?: number) => ({
  error: new ForgeError("503", { status: 503, retry: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }),
});

async function postponed(failing = down()) {
  shop.repository.failing = failing;
  const ref = deliveryRefOf(shop, newDeliveryId());
  await receiveDelivery(world.deps, { ...ref, event: "push", said: { trigger: pushOf(world, "head") } });
  await decideAll(world);
  return { ref, item: () => deliveryOf(world, shop, ref.deliveryId) };
}

describe("a delivery that is postponed", () => {
  test("is asked for again when its wait is over", async () => {
    const { item } = await postponed();
    expect(world.sent.postponed.map(({ delayMs }) => delayMs)).toEqual([15 * SECOND_MS]);
    shop.repository.failing = undefined;
    world.clock.nowMs += 15 * SECOND_MS;
    for (const { delivery } of world.sent.postponed) await decideDelivery(world.deps, delivery);
    expect(await item()).toMatchObject({ state: "handled" });
    expect(await runsOf(world, shop)).toHaveLength(1);
  });

  test("is tried once for each wait, however often it is asked for, and has one message under way", async () => {
    const { item } = await postponed();
    const [first] = world.sent.postponed.splice(0);
    if (first === undefined) throw new Error("nothing was sent");
    for (let nth = 0; nth < 5; nth += 1) await decideDelivery(world.deps, first.delivery);
    await Promise.all(Array.from({ length: 5 }, () => decideDelivery(world.deps, first.delivery)));
    expect(await item()).toMatchObject({ state: "received", fence: 2 });
    expect(world.sent.postponed.map(({ delayMs }) => delayMs)).toEqual([30 * SECOND_MS]);
  });

  test("for longer than a queue can wait is left to sweep", async () => {
    await postponed(down(HOUR_MS));
    expect(world.sent.postponed).toEqual([]);
  });
});
