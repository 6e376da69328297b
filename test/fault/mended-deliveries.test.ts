import fc from "fast-check";
import { expect, test } from "vitest";
import { DELIVERY_GIVE_UP_MS } from "../../shared/domain/limits.ts";
import type { Trigger } from "../../shared/protocol/triggers.ts";
import { deliveryKey } from "../../shared/store/keys.ts";
import { decideDelivery } from "../../shared/usecases/decide-delivery.ts";
import { ForgeError } from "../../shared/usecases/forge.ts";
import { receiveDelivery } from "../../shared/usecases/receive-delivery.ts";
import { sweepDeliveries } from "../../shared/usecases/sweep-deliveries.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { makeSweepWorld } from "../support/sweep-world.ts";
import { HOUR_MS, MINUTE_MS } from "../support/times.ts";
import { PUSH_PIPELINE, shaOf } from "../support/trigger-world.ts";

/** A forge refuses, somebody mends it: what was told is decided, by the delivery's next try, by Redeliver, or by sweep. */

const REFUSALS = [401, 403, 404].map((status) => new ForgeError(`GitHub answered ${status}`, { status, retry: false }));
const PUSH: Trigger = { event: "push", branch: "main", sha: shaOf("first"), occurredAtMs: Date.UTC(2026, 0, 1) };
const REF = { tenant: "main", forge: "github", project: "shop", deliveryId: "d-1" } as const;

function newProject() {
  const world = makeSweepWorld();
  const { repository } = world.addProject("shop");
  repository.files.set(".baton/ci.yml", PUSH_PIPELINE);
  const kept = () => world.deps.triggers.getDelivery(deliveryKey(REF));
  return {
    world,
    repository,
    kept,
    deliver: (said: { trigger: Trigger } | { ignored: string } = { trigger: PUSH }) =>
      receiveDelivery(world.deps, { ...REF, event: "push", said }),
    decide: () => decideDelivery(world.deps, REF),
    sweep: () => sweepProjects(world.deps, () => false),
    started: () => world.runs().map(({ source }) => source?.sha),
  };
}

test.each(REFUSALS)(
  "case C3: $status to a delivery makes it wait, with the reason, and the next try starts its run",
  async (error) => {
    const { world, repository, kept, deliver, decide, started } = newProject();
    repository.failing = { error };
    await deliver();
    await decide();
    expect(await kept()).toMatchObject({ state: "received", reason: error.message, tries: 1 });
    repository.failing = undefined;
    world.clock.nowMs += MINUTE_MS;
    await decide();
    expect(await kept()).toMatchObject({ state: "handled" });
    expect(await kept()).not.toHaveProperty("reason");
    expect(started()).toEqual([PUSH.sha]);
  },
);

test("case C3: a delivery that has failed is decided anew when it comes again under its id", async () => {
  const { world, repository, kept, deliver, decide, started } = newProject();
  repository.failing = { error: REFUSALS[0] as ForgeError };
  await deliver();
  world.clock.nowMs += DELIVERY_GIVE_UP_MS + 5 * MINUTE_MS;
  await decide();
  expect(await kept()).toMatchObject({ state: "failed", reason: "GitHub answered 401" });
  // The operator presses the button before it is mended, too.
  expect(await deliver()).toEqual({ state: "received", duplicate: false });
  await decide();
  expect(await kept()).toMatchObject({ state: "received", tries: 1 });
  repository.failing = undefined;
  expect(await deliver()).toEqual({ state: "received", duplicate: true });
  await decide();
  expect(await kept()).toMatchObject({ state: "handled" });
  expect(await deliver()).toEqual({ state: "handled", duplicate: true });
  expect(started()).toEqual([PUSH.sha]);
});

test("case C3: a delivery that was ignored for its project's sake is decided anew; one of a kind that starts nothing is not", async () => {
  const other = newProject();
  await other.deliver({ ignored: "it is of acme/other, and this project is of acme/shop" });
  expect(await other.deliver()).toEqual({ state: "received", duplicate: false });
  await other.decide();
  expect(other.started()).toEqual([PUSH.sha]);

  const removed = newProject();
  await removed.deliver();
  removed.world.removeProject("shop");
  await removed.decide();
  expect(await removed.kept()).toMatchObject({ state: "ignored", reason: "its project was removed" });
  removed.world.addProject("shop");
  await removed.deliver();
  await removed.decide();
  expect(removed.started()).toEqual([PUSH.sha]);

  const ping = newProject();
  await ping.deliver({ ignored: "ping: the webhook works" });
  expect(await ping.deliver({ ignored: "ping: the webhook works" })).toEqual({ state: "ignored", duplicate: true });
});

test("case C3: a message for a try before the redelivery does nothing", async () => {
  const { repository, kept, deliver, decide, world } = newProject();
  repository.failing = { error: REFUSALS[1] as ForgeError };
  await deliver();
  await decide();
  world.clock.nowMs += DELIVERY_GIVE_UP_MS + 5 * MINUTE_MS;
  await decide();
  expect(await kept()).toMatchObject({ state: "failed" });
  await deliver();
  await decideDelivery(world.deps, { ...REF, fence: 1 });
  expect(await kept()).toMatchObject({ state: "received", tries: 0 });
});

test("case C3: a slow try that read the delivery before it came again ends nothing of the redelivery", async () => {
  const { world, repository, kept, deliver, decide, started } = newProject();
  const [refusal] = REFUSALS;
  repository.failing = { error: refusal as ForgeError };
  await deliver();
  world.clock.nowMs += DELIVERY_GIVE_UP_MS + 5 * MINUTE_MS;
  const slow = {
    ...world.deps,
    forge: {
      ...world.deps.forge,
      // While it waits for the forge, another try gives up, and the operator presses Redeliver.
      async listDefinitions(): Promise<never> {
        await decide();
        expect(await kept()).toMatchObject({ state: "failed" });
        await deliver();
        throw refusal;
      },
    },
  };
  await decideDelivery(slow, REF);
  expect(await kept()).toMatchObject({ state: "received", tries: 0 });
  repository.failing = undefined;
  await decide();
  expect(started()).toEqual([PUSH.sha]);
});

test("case C3: a first push that only sweep gives up, since no try ever ends, is found by the next sweeps", async () => {
  const { world, repository, kept, deliver, sweep, started } = newProject();
  repository.branches.set("main", PUSH.sha);
  await deliver();
  // The first sight of the project takes its head for old.
  await sweep();
  world.clock.nowMs += 2 * DELIVERY_GIVE_UP_MS + HOUR_MS;
  const triggers = { ...world.deps.triggers, dueDeliveries: async () => [deliveryKey(REF)] };
  await sweepDeliveries({ ...world.deps, triggers });
  expect(await kept()).toMatchObject({ state: "failed" });
  for (let sweeps = 0; sweeps < 3; sweeps += 1) {
    world.clock.nowMs += 5 * MINUTE_MS;
    await sweep();
  }
  expect(started()).toEqual([PUSH.sha]);
});

test("case C3: the very first push on a new project runs once, whatever a first sight takes for old, and whenever the forge is mended", async () => {
  const step = fc.constantFrom("fail", "mend", "deliver", "decide", "sweep", "sweep", "wait");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.boolean(), async (steps, isRedelivered) => {
      const { world, repository, deliver, decide, sweep, started } = newProject();
      repository.branches.set("main", PUSH.sha);
      let isTold = false;
      for (const [at, one] of steps.entries()) {
        if (one === "fail") repository.failing = { error: REFUSALS[at % REFUSALS.length] as ForgeError };
        if (one === "mend") repository.failing = undefined;
        if (one === "deliver") isTold = (await deliver()).state !== undefined;
        if (one === "decide") await decide();
        if (one === "sweep") {
          world.clock.nowMs += 5 * MINUTE_MS;
          await sweep();
        }
        if (one === "wait") world.clock.nowMs += DELIVERY_GIVE_UP_MS + 5 * MINUTE_MS;
      }
      if (!isTold) return;
      // The plan function has its last try, then it is mended: by Redeliver, or, where that has failed, by sweep alone.
      await decide();
      repository.failing = undefined;
      if (isRedelivered) await deliver();
      await decide();
      for (let sweeps = 0; sweeps < 40; sweeps += 1) {
        world.clock.nowMs += 5 * MINUTE_MS;
        await sweep();
      }
      expect(started()).toEqual([PUSH.sha]);
    }),
    { numRuns: 300 },
  );
});

test("case C3: a tag that nothing else tells of waits for days", async () => {
  const { world, repository, kept, deliver, decide, started } = newProject();
  repository.files.set(".baton/ci.yml", PUSH_PIPELINE.replace("push", "{push: {tags: ['**']}}"));
  repository.failing = { error: REFUSALS[1] as ForgeError };
  await deliver({ trigger: { event: "tag", tag: "v1", sha: shaOf("v1"), occurredAtMs: world.clock.nowMs } });
  world.clock.nowMs += 100 * HOUR_MS;
  await decide();
  expect(await kept()).toMatchObject({ state: "received" });
  repository.failing = undefined;
  await decide();
  expect(started()).toEqual([shaOf("v1")]);
});
