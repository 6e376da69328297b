import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DELIVERY_RETRY_MAX_MS } from "../../shared/domain/limits.ts";
import { deliveryKey } from "../../shared/store/keys.ts";
import { approveRun } from "../../shared/usecases/approve-run.ts";
import { type Delivery, receiveDelivery } from "../../shared/usecases/receive-delivery.ts";
import { sweepDeliveries } from "../../shared/usecases/sweep-deliveries.ts";
import type { TriggerDeps } from "../../shared/usecases/trigger-deps.ts";
import { driveToEnd, INJECTED } from "../support/drive.ts";
import { dyingAt, failingSome, type Moment, writingTwice } from "../support/faulty-deps.ts";
import { SECOND_MS } from "../support/times.ts";
import {
  addShop,
  decideAll,
  forkPullOf,
  newDeliveryId,
  pushOf,
  runsOf,
  type Shop,
  shaOf,
} from "../support/trigger-world.ts";
import { startWorld, type World } from "../support/world.ts";

/**
 * Each step between a webhook and its runs is failed once, before and after it has landed, with the process dead from
 * there on. Then only messages, sweeps and time go on: the runs must be the very same as without a fault.
 */

let world: World;
let shop: Shop;
beforeEach(async () => {
  world = await startWorld(["default", "forks"]);
  shop = await addShop(world, { forks: { mode: "approve", pool: "forks" } });
  shop.repository.files.set(
    ".baton/a.yml",
    "on: [push, pull_request]\nsupersede: true\njobs: {one: {run: x}, two: {run: x, needs: one}}\n",
  );
  shop.repository.files.set(".baton/b.yml", "on: [push, pull_request]\njobs: {one: {rum: x}}\n");
  shop.repository.files.set(".baton/c.yml", "on: {push: {branches: dev}}\njobs: {one: {run: x}}\n");
});
afterEach(() => world.stop());

const KINDS = {
  "a push": () => pushOf(world, "head"),
  "a fork's pull request": () => forkPullOf(world, "head"),
} as const;
type Kind = keyof typeof KINDS;

const deliveryOf = (kind: Kind): Delivery => ({
  tenant: "main",
  forge: "github",
  project: shop.project.name,
  deliveryId: newDeliveryId(),
  event: "push",
  said: { trigger: KINDS[kind]() },
});

/** A minute and a bit, and what sweep then finds. */
async function sweepLater(): Promise<void> {
  world.clock.nowMs += 61 * SECOND_MS;
  await sweepDeliveries(world.deps);
  await decideAll(world);
}

async function endsWell(delivery: Delivery): Promise<void> {
  await sweepLater();
  const item = await world.deps.triggers.getDelivery(deliveryKey(delivery));
  expect(item).toMatchObject({ state: "handled" });
  expect(item?.decisions?.map(({ pipeline, reason }) => [pipeline, reason !== undefined])).toEqual([
    [".baton/a.yml", false],
    [".baton/b.yml", false],
    [".baton/c.yml", true],
  ]);
  const runs = await runsOf(world, shop);
  expect(runs.map(({ pipeline }) => pipeline).sort()).toEqual([".baton/b.yml", "a"]);
  for (const { runId, pipeline, approval } of runs) {
    if (approval !== undefined && pipeline === "a")
      await approveRun(world.deps, { tenant: "main", runId }, shaOf("head"), "token:ann");
    const ended = await driveToEnd(world, runId);
    expect(ended.state).toBe(ended.pipeline === "a" ? "succeeded" : "plan_failed");
  }
  const ids = runs.map(({ runId }) => runId).sort();
  expect(item?.decisions?.flatMap(({ runId }) => runId ?? []).sort()).toEqual(ids);
}

const withWrites = (by: Pick<TriggerDeps, "store" | "queues">): TriggerDeps => ({ ...world.deps, ...by });
const MOMENTS: readonly Moment[] = ["before", "after"];
/** More than deciding writes: those past the last are no fault at all. */
const WRITES_MAX = 12;

describe.each(Object.keys(KINDS) as Kind[])("%s", (kind) => {
  test("without a fault", async () => {
    const delivery = deliveryOf(kind);
    await receiveDelivery(world.deps, delivery);
    await decideAll(world);
    await endsWell(delivery);
  });

  test.each(MOMENTS)("is there whole or not at all where keeping it failed %s", async (moment) => {
    const delivery = deliveryOf(kind);
    const dying = withWrites(dyingAt(world.deps, 1, moment).deps);
    await expect(receiveDelivery(dying, delivery)).rejects.toThrow();
    world.sent.deliveries.splice(0);
    // The forge saw no 202: somebody delivers it again, under the same id.
    if (moment === "before") await receiveDelivery(world.deps, delivery);
    await endsWell(delivery);
  });

  const steps = Array.from({ length: WRITES_MAX }, (_, at) =>
    MOMENTS.map((moment) => ({ write: at + 1, moment })),
  ).flat();
  test.each(steps)("ends well where deciding it died $moment write $write", async ({ write, moment }) => {
    const delivery = deliveryOf(kind);
    await receiveDelivery(world.deps, delivery);
    const dying = withWrites(dyingAt(world.deps, write, moment).deps);
    await decideAll(world, dying).catch(injectedOnly);
    await endsWell(delivery);
  });

  test("ends well where every third write fails, and where every write is sent twice", async () => {
    const delivery = deliveryOf(kind);
    await receiveDelivery(withWrites(writingTwice(world.deps)), delivery);
    const flaky = withWrites(failingSome(world.deps, (nth) => nth % 3 === 0));
    for (let tries = 0; tries < 8; tries += 1) {
      world.clock.nowMs += DELIVERY_RETRY_MAX_MS + 61 * SECOND_MS;
      await sweepDeliveries(world.deps);
      await decideAll(world, flaky).catch(injectedOnly);
    }
    world.clock.nowMs += DELIVERY_RETRY_MAX_MS + 61 * SECOND_MS;
    await sweepDeliveries(world.deps);
    await decideAll(world, withWrites(writingTwice(world.deps)));
    await endsWell(delivery);
  });
});

function injectedOnly(error: unknown): void {
  if (!(error instanceof Error) || error.name !== INJECTED) throw error;
}
