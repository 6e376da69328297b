import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DELIVERY_GIVE_UP_MS, DELIVERY_MS, SWEEP_DELIVERIES_MAX } from "../../shared/domain/limits.ts";
import { decideDelivery } from "../../shared/usecases/decide-delivery.ts";
import { ForgeError } from "../../shared/usecases/forge.ts";
import { readDelivery } from "../../shared/usecases/read-delivery.ts";
import { sweepDeliveries } from "../../shared/usecases/sweep-deliveries.ts";
import type { TriggerDeps } from "../../shared/usecases/trigger-deps.ts";
import { muteQueues } from "../support/faulty-deps.ts";
import { answerOf, tallied } from "../support/scenario.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../support/times.ts";
import {
  addPushShop,
  decideAll,
  deliveryOf,
  deliveryRefOf,
  newDeliveryId,
  PUSH_PIPELINE,
  postOf,
  pushPayload,
  runsOf,
  shaOf,
  webhookFunction,
} from "../support/trigger-world.ts";
import { startWorld, type World } from "../support/world.ts";

/** Webhooks on the real table: what is accepted makes one run, whatever comes again, fails or is lost. */

let world: World;
let post: ReturnType<typeof webhookFunction>;
const logged: unknown[] = [];
beforeEach(async () => {
  world = await startWorld();
  post = webhookFunction(world.deps, logged);
});
afterEach(async () => {
  await world.stop();
  expect(logged).toEqual([]);
});

describe("a delivery", () => {
  test("is kept, answered 202, and becomes a run of its commit", async () => {
    const shop = await addPushShop(world);
    const id = newDeliveryId();
    const answer = await post(postOf(shop, "one", { id }));
    expect(answer).toEqual({
      status: 202,
      text: JSON.stringify({ delivery: id, state: "received", duplicate: false }),
    });
    await decideAll(world);
    const [run, ...more] = await runsOf(world, shop);
    expect(more).toEqual([]);
    expect(run).toMatchObject({
      state: "live",
      pipeline: "ci",
      createdBy: "webhook:push",
      source: { url: `https://github.com/${shop.project.forge.repository}.git`, branch: "main" },
      trigger: { event: "push", via: "webhook", branch: "main", actor: "somebody", fork: false },
    });
    expect(await deliveryOf(world, shop, id)).toMatchObject({
      state: "handled",
      decisions: [{ pipeline: ".baton/ci.yml", runId: run?.runId }],
    });
  });

  test("that starts nothing is kept with its reason, and nobody is asked to decide it", async () => {
    const shop = await addPushShop(world);
    for (const [event, body] of [
      ["ping", "{}"],
      ["create", "{}"],
      ["push", pushPayload(shop, "x", { deleted: true })],
      ["push", pushPayload(shop, "x", { repository: { full_name: "acme/other" } })],
    ] as const) {
      const id = newDeliveryId();
      const answer = await post({ project: shop.project.name, secret: shop.secret, body, event, id });
      expect(answer.status).toBe(202);
      expect(await deliveryOf(world, shop, id)).toMatchObject({ state: "ignored", reason: expect.stringMatching(/./) });
    }
    expect(world.sent.deliveries).toEqual([]);
    expect(await runsOf(world, shop)).toEqual([]);
  });

  test("tells people what came of it, and nothing of one that never came", async () => {
    const shop = await addPushShop(world);
    shop.repository.files.set(".baton/dev.yml", PUSH_PIPELINE.replace("push", "{push: {branches: dev}}"));
    const id = newDeliveryId();
    await post(postOf(shop, "one", { id }));
    await decideAll(world);
    const told = await readDelivery(world.deps, shop.project.name, id);
    expect(told).toMatchObject({ id, event: "push", state: "handled" });
    expect(told.decisions).toEqual([
      { pipeline: ".baton/ci.yml", runId: (await runsOf(world, shop))[0]?.runId },
      { pipeline: ".baton/dev.yml", reason: expect.stringMatching(/is not among/) },
    ]);
    expect(await answerOf(readDelivery(world.deps, shop.project.name, newDeliveryId()))).toBe("not_found");
    expect(await answerOf(readDelivery(world.deps, "other", id))).toBe("not_found");
  });

  test("may come as the form that GitHub sends where nobody chose a content type", async () => {
    const shop = await addPushShop(world);
    const body = new URLSearchParams({ payload: pushPayload(shop, "form") }).toString();
    const contentType = "application/x-www-form-urlencoded";
    expect((await post({ project: shop.project.name, secret: shop.secret, body, contentType })).status).toBe(202);
    await decideAll(world);
    expect(await runsOf(world, shop)).toHaveLength(1);
  });

  test("keeps nothing of the payload but what decides", async () => {
    const shop = await addPushShop(world);
    const id = newDeliveryId();
    const body = pushPayload(shop, "one", { installation: "not to be kept" });
    await post({ project: shop.project.name, secret: shop.secret, body, id });
    expect(JSON.stringify(await deliveryOf(world, shop, id))).not.toContain("not to be kept");
  });

  test("is of its project: another project's delivery of the same id is another", async () => {
    const shops = [await addPushShop(world), await addPushShop(world)];
    const id = newDeliveryId();
    for (const shop of shops) await post(postOf(shop, "one", { id }));
    await decideAll(world);
    for (const shop of shops) expect(await runsOf(world, shop)).toHaveLength(1);
  });
});

describe("the same event again", () => {
  test("invariant 15: one delivery posted 5 times at once, and decided 10 times at once, makes one run", async () => {
    const shop = await addPushShop(world);
    const id = newDeliveryId();
    const sent = postOf(shop, "one", { id });
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(sent)));
    expect(tallied(answers.map(({ status }) => String(status)))).toEqual({ 202: 5 });
    expect(answers.filter(({ text }) => text.includes('"duplicate":false'))).toHaveLength(1);
    const hints = world.sent.deliveries.splice(0);
    expect(hints.length).toBeGreaterThan(0);
    await Promise.all(Array.from({ length: 10 }, () => decideDelivery(world.deps, deliveryRefOf(shop, id))));
    expect(await runsOf(world, shop)).toHaveLength(1);
  });

  test("SECURITY 18: a known id changes nothing, and is asked for again only while it waits", async () => {
    const shop = await addPushShop(world);
    const id = newDeliveryId();
    const sent = postOf(shop, "one", { id });
    await post(sent);
    await post({ ...sent, body: pushPayload(shop, "two") });
    expect(world.sent.deliveries).toHaveLength(2);
    await decideAll(world);
    const before = await deliveryOf(world, shop, id);
    expect(JSON.parse((await post(sent)).text)).toEqual({ delivery: id, state: "handled", duplicate: true });
    expect(world.sent.deliveries).toEqual([]);
    expect(await deliveryOf(world, shop, id)).toEqual(before);
    expect((await runsOf(world, shop)).map(({ source }) => source?.sha)).toHaveLength(1);
  });

  test("SECURITY 18: an old body under a new id starts nothing, at once and at any later time", async () => {
    const shop = await addPushShop(world);
    const body = pushPayload(shop, "one");
    const send = async () => {
      const id = newDeliveryId();
      expect((await post({ project: shop.project.name, secret: shop.secret, body, id })).status).toBe(202);
      await decideAll(world);
      return deliveryOf(world, shop, id);
    };
    const first = await send();
    const [run] = await runsOf(world, shop);
    world.clock.nowMs += HOUR_MS;
    expect(await send()).toMatchObject({ state: "handled", decisions: first?.decisions });
    world.clock.nowMs += DELIVERY_MS;
    expect(await send()).toMatchObject({ state: "ignored", reason: "it happened more than 7 days before it came" });
    world.clock.nowMs += 200 * 24 * HOUR_MS;
    expect(await send()).toMatchObject({ state: "ignored" });
    expect((await runsOf(world, shop)).map(({ runId }) => runId)).toEqual([run?.runId]);
  });
});

describe("a delivery that is kept", () => {
  test("is found by sweep where its hint was lost", async () => {
    const shop = await addPushShop(world);
    const lossy = { ...world.deps, sendDelivery: muteQueues(world.deps).queues.sendTick as never };
    const id = newDeliveryId();
    const sent = postOf(shop, "one", { id });
    expect((await webhookFunction(lossy)(sent)).status).toBe(202);
    expect(await runsOf(world, shop)).toEqual([]);
    world.clock.nowMs += 61 * SECOND_MS;
    await sweepDeliveries(world.deps);
    await decideAll(world);
    expect(await runsOf(world, shop)).toHaveLength(1);
    world.clock.nowMs += HOUR_MS;
    expect(await sweepDeliveries(world.deps)).toBe(0);
  });

  test("waits for a forge that does not answer, at growing distances, and is decided when it does", async () => {
    const shop = await addPushShop(world);
    const id = newDeliveryId();
    await post(postOf(shop, "one", { id }));
    shop.repository.failing = { error: new ForgeError("503 from the forge", { status: 503, retry: true }) };
    const waits: number[] = [];
    for (let nth = 0; nth < 4; nth += 1) {
      await decideAll(world);
      const item = await deliveryOf(world, shop, id);
      waits.push((item?.wakeAtMs ?? 0) - world.clock.nowMs);
      world.clock.nowMs = (item?.wakeAtMs ?? 0) + 61 * SECOND_MS;
      expect(await sweepDeliveries(world.deps)).toBe(1);
    }
    expect(waits).toEqual([15, 30, 60, 120].map((seconds) => seconds * SECOND_MS));
    shop.repository.failing = undefined;
    await decideAll(world);
    expect(await runsOf(world, shop)).toHaveLength(1);
    expect(Object.keys((await deliveryOf(world, shop, id))?.history ?? {})).toHaveLength(5);
  });

  test("that nobody can decide does not hide those that came after it", async () => {
    const shop = await addPushShop(world);
    const send = (word: string) => post(postOf(shop, word));
    for (let nth = 0; nth < SWEEP_DELIVERIES_MAX; nth += 1) await send(`stuck ${nth}`);
    world.clock.nowMs += 1;
    await send("late");
    world.sent.deliveries.splice(0);
    world.clock.nowMs += 61 * SECOND_MS;
    expect(await sweepDeliveries(world.deps)).toBe(SWEEP_DELIVERIES_MAX);
    world.sent.deliveries.splice(0);
    world.clock.nowMs += 60 * SECOND_MS;
    expect(await sweepDeliveries(world.deps)).toBe(1);
    await decideAll(world);
    expect((await runsOf(world, shop)).map(({ source }) => source?.sha)).toEqual([shaOf("late")]);
  });

  test("whose key in the index is none fails the sweep, after the others had their turn", async () => {
    const shop = await addPushShop(world);
    await post(postOf(shop, "one"));
    world.sent.deliveries.splice(0);
    world.clock.nowMs += 61 * SECOND_MS;
    const { dueDeliveries } = world.deps.triggers;
    const triggers: TriggerDeps["triggers"] = {
      ...world.deps.triggers,
      dueDeliveries: async (...args) => [{ pk: "T#main#NONSENSE" }, ...(await dueDeliveries(...args))],
    };
    await expect(sweepDeliveries({ ...world.deps, triggers })).rejects.toThrow("NONSENSE");
    expect(world.sent.deliveries).toHaveLength(1);
  });

  test("waits as long as the forge asks for", async () => {
    const shop = await addPushShop(world);
    const id = newDeliveryId();
    await post(postOf(shop, "one", { id }));
    shop.repository.failing = { error: new ForgeError("429", { status: 429, retry: true, retryAfterMs: HOUR_MS }) };
    await decideAll(world);
    expect((await deliveryOf(world, shop, id))?.wakeAtMs).toBe(world.clock.nowMs + HOUR_MS);
  });

  test.each([
    ["refuses for good", new ForgeError("413: the listing is too large", { status: 413, retry: false }), 0],
    [
      "refuses for hours",
      new ForgeError("404: no such repository", { status: 404, retry: false }),
      DELIVERY_GIVE_UP_MS + MINUTE_MS,
    ],
    ["is silent for hours", new ForgeError("no answer", { retry: true }), DELIVERY_GIVE_UP_MS + MINUTE_MS],
  ])("fails with the reason where the forge %s", async (_what, error, laterMs) => {
    const shop = await addPushShop(world);
    const id = newDeliveryId();
    await post(postOf(shop, "one", { id }));
    shop.repository.failing = { error };
    world.clock.nowMs += laterMs;
    await decideAll(world);
    expect(await deliveryOf(world, shop, id)).toMatchObject({ state: "failed", reason: error.message });
  });

  test("is given up by sweep where no process survives it", async () => {
    const shop = await addPushShop(world);
    const id = newDeliveryId();
    await post(postOf(shop, "one", { id }));
    world.sent.deliveries.splice(0);
    world.clock.nowMs += 2 * DELIVERY_GIVE_UP_MS + MINUTE_MS;
    await sweepDeliveries(world.deps);
    expect(world.sent.deliveries).toEqual([]);
    expect(await deliveryOf(world, shop, id)).toMatchObject({ state: "failed" });
  });

  test("starts nothing where its project is gone by then", async () => {
    const shop = await addPushShop(world);
    const id = newDeliveryId();
    await post(postOf(shop, "one", { id }));
    await world.deps.projects.removeProject("main", shop.project.name, world.clock.nowMs);
    await decideAll(world);
    expect(await deliveryOf(world, shop, id)).toMatchObject({ state: "ignored", reason: "its project was removed" });
  });
});
