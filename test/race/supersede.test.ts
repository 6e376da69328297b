import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isRunEnded } from "../../shared/domain/verdict.ts";
import type { Trigger } from "../../shared/protocol/triggers.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import type { TriggerDeps } from "../../shared/usecases/trigger-deps.ts";
import { driveToEnd, INJECTED } from "../support/drive.ts";
import { dyingAt, writingTwice } from "../support/faulty-deps.ts";
import { runningAt } from "../support/scenario.ts";
import { makeSweepWorld } from "../support/sweep-world.ts";
import { SECOND_MS } from "../support/times.ts";
import { addShop, pullOf, pushOf, runsOf, type Shop, shaOf } from "../support/trigger-world.ts";
import { startWorld, type World } from "../support/world.ts";

/** `supersede: true`: of one pipeline on one branch only the newest push keeps its run, in whatever order they come. */

let world: World;
let shop: Shop;
beforeEach(async () => {
  world = await startWorld();
  shop = await addShop(world);
  shop.repository.files.set(".baton/ci.yml", PIPELINE);
});
afterEach(() => world.stop());

const PIPELINE = "on: [push, pull_request]\nsupersede: true\njobs: {build: {run: make}}\n";
const start = (trigger: Trigger, deps: TriggerDeps = world.deps) =>
  startTriggered(deps, shop.project, trigger, "webhook");
/** The nth push to a branch, ten seconds after the one before. */
const nth = (n: number, change: Partial<Extract<Trigger, { event: "push" }>> = {}) =>
  pushOf(world, `push ${n}`, { occurredAtMs: n * 10 * SECOND_MS, before: shaOf(`push ${n - 1}`), ...change });
/** By commit: whether its run is active, canceled with which reason, or was never made. */
async function fates(): Promise<Record<string, string>> {
  const runs = await runsOf(world, shop);
  return Object.fromEntries(
    runs.map((run) => [run.source?.sha ?? "?", run.state === "live" ? "live" : `${run.state}: ${run.reason}`]),
  );
}

describe("a newer push", () => {
  test("cancels the older run of its branch, and no other", async () => {
    shop.repository.files.set(".baton/other.yml", "on: push\njobs: {a: {run: x}}\n");
    await start(nth(1));
    await start(nth(1, { branch: "dev" }));
    await start(nth(2));
    const runs = await runsOf(world, shop);
    const told = runs.map(
      ({ pipeline, state, reason, trigger, source }) =>
        `${trigger?.branch} ${source?.sha.slice(0, 4)} ${pipeline} ${state} ${reason}`,
    );
    const [one, two] = [shaOf("push 1").slice(0, 4), shaOf("push 2").slice(0, 4)];
    expect(told.sort()).toEqual(
      [
        `dev ${one} ci live undefined`,
        `dev ${one} other live undefined`,
        `main ${one} ci canceled superseded by ${shaOf("push 2")}`,
        `main ${one} other live undefined`,
        `main ${two} ci live undefined`,
        `main ${two} other live undefined`,
      ].sort(),
    );
  });

  test("stops what runs by its runner's word", async () => {
    const [first] = await start(nth(1));
    const ref = { runId: first?.runId ?? "", jobId: "build" };
    await runningAt(world.deps, ref);
    await start(nth(2));
    expect(await world.deps.store.getJob({ tenant: "main", ...ref })).toMatchObject({ state: "stopping" });
    expect(await driveToEnd(world, ref.runId)).toMatchObject({
      state: "canceled",
      reason: `superseded by ${shaOf("push 2")}`,
    });
  });

  test("to a pull request cancels the older run of it, and closing it the last", async () => {
    const at = (n: number, action: "opened" | "synchronize" | "closed" | "reopened") =>
      pullOf(world, `head ${n}`, { action, occurredAtMs: n * SECOND_MS, before: shaOf(`head ${n - 1}`) });
    await start(at(1, "opened"));
    await start(at(2, "synchronize"));
    await start(pullOf(world, "head 1", { number: 2, occurredAtMs: 1 }));
    const closed = await start({ ...at(3, "closed"), sha: shaOf("head 2") });
    expect(closed).toEqual([
      { pipeline: ".baton/ci.yml", reason: "a closed pull request starts nothing, and its active runs are canceled" },
    ]);
    const told = (await runsOf(world, shop)).map(
      ({ trigger, state, reason }) => `${trigger?.number} ${state}: ${reason}`,
    );
    expect(told.sort()).toEqual(
      [
        `1 canceled: superseded by ${shaOf("head 2")}`,
        "1 canceled: the pull request was closed",
        "2 live: undefined",
      ].sort(),
    );
  });

  test("to a pull request that is reopened unchanged runs again, once for each time it was", async () => {
    const at = (seconds: number, action: "opened" | "closed" | "reopened") =>
      pullOf(world, "head", { action, occurredAtMs: seconds * SECOND_MS });
    const alive = async () => (await runsOf(world, shop)).map(({ state }) => state).sort();
    await start(at(1, "opened"));
    await start(at(2, "closed"));
    const again = await start(at(2, "reopened"));
    expect(await alive()).toEqual(["canceled", "live"]);
    for (const late of [at(1, "opened"), at(2, "reopened")]) await start(late);
    expect(await start(at(2, "reopened"))).toEqual(again);
    // As sweep tells it, which sees only that it is open.
    await start({ ...at(3, "reopened"), action: "synchronize" });
    expect(await alive()).toEqual(["canceled", "live"]);
    await start(at(4, "closed"));
    await start(at(2, "reopened"));
    expect(await alive()).toEqual(["canceled", "canceled"]);
    await start(at(5, "reopened"));
    expect(await alive()).toEqual(["canceled", "canceled", "live"]);
  });

  test("of a pipeline that does not supersede cancels nothing, and neither does closing", async () => {
    shop.repository.files.set(".baton/ci.yml", PIPELINE.replace("supersede: true\n", ""));
    for (const n of [1, 2]) await start(nth(n));
    await start(pullOf(world, "head", { action: "closed" }));
    expect((await runsOf(world, shop)).map(({ state }) => state)).toEqual(["live", "live"]);
  });
});

describe("an older push that comes late", () => {
  test("starts nothing, and says what superseded it", async () => {
    await start(nth(2));
    expect(await start(nth(1))).toEqual([{ pipeline: ".baton/ci.yml", reason: `superseded by ${shaOf("push 2")}` }]);
    expect(await fates()).toEqual({ [shaOf("push 2")]: "live" });
  });

  test("of the same second is told by the commit that it started from", async () => {
    const same = { occurredAtMs: 5 };
    await start(nth(2, same));
    await start(nth(1, same));
    expect(await fates()).toEqual({ [shaOf("push 2")]: "live" });
    await start(nth(3, same));
    expect(await fates()).toMatchObject({ [shaOf("push 3")]: "live" });
  });

  test("is the newer one where it is the head, whatever the clocks say", async () => {
    await start(nth(1, { occurredAtMs: 9_999 }));
    shop.repository.branches.set("main", shaOf("push 2"));
    await start(nth(2, { occurredAtMs: 1 }));
    expect(await fates()).toMatchObject({ [shaOf("push 2")]: "live" });
  });

  test("to a closed pull request starts nothing", async () => {
    await start(pullOf(world, "head", { action: "closed", occurredAtMs: 2 * SECOND_MS }));
    const late = await start(pullOf(world, "head", { occurredAtMs: SECOND_MS }));
    expect(late).toEqual([{ pipeline: ".baton/ci.yml", reason: "the pull request was closed" }]);
    const again = await start(pullOf(world, "head 2", { action: "reopened", occurredAtMs: 3 * SECOND_MS }));
    expect(again[0]?.runId).toBeDefined();
  });

  test("to a pull request that was closed again starts nothing", async () => {
    for (const seconds of [1, 3])
      await start(pullOf(world, "head", { action: "closed", occurredAtMs: seconds * SECOND_MS }));
    const late = await start(pullOf(world, "head", { action: "reopened", occurredAtMs: 2 * SECOND_MS }));
    expect(late).toEqual([{ pipeline: ".baton/ci.yml", reason: "the pull request was closed" }]);
  });
});

test("invariant 6: pushes at once, in any order, twice each, leave the newest run alone alive", async () => {
  const pushes = [3, 1, 5, 2, 4].flatMap((n) => [nth(n), nth(n)]);
  // A table that is contended refuses for a while: the message comes back.
  const brought = (trigger: Trigger) =>
    start(trigger)
      .catch(() => start(trigger))
      .catch(() => start(trigger));
  await Promise.all(pushes.map(brought));
  for (const push of pushes) await start(push);
  const alive = (await runsOf(world, shop)).filter(({ state }) => !isRunEnded(state) && state !== "canceling");
  expect(alive.map(({ source }) => source?.sha)).toEqual([shaOf("push 5")]);
});

const WRITES = Array.from({ length: 14 }, (_, at) => at + 1);

test.each(WRITES.flatMap((write) => (["before", "after"] as const).map((moment) => ({ write, moment }))))(
  "a crash $moment write $write of a push, which is brought again after or before the next, changes nothing of the end",
  async ({ write, moment }) => {
    for (const order of ["before", "after"] as const) {
      const one = await addShop(world);
      one.repository.files.set(".baton/ci.yml", PIPELINE);
      shop = one;
      await start(nth(1));
      const dying = dyingAt(world.deps, write, moment);
      await start(nth(2), { ...world.deps, ...dying.deps }).catch(injectedOnly);
      if (order === "before") await start(nth(2));
      await start(nth(3));
      await start(nth(2));
      // What was marked and not finished, reconcile finishes.
      for (const run of await runsOf(world, shop)) if (run.state === "canceling") await driveToEnd(world, run.runId);
      const seen = await fates();
      expect(seen[shaOf("push 3")]).toBe("live");
      for (const n of [1, 2])
        expect([
          undefined,
          `canceled: superseded by ${shaOf("push 3")}`,
          `canceled: superseded by ${shaOf("push 2")}`,
        ]).toContain(seen[shaOf(`push ${n}`)]);
    }
  },
);

test("every write sent twice changes nothing of the end", async () => {
  const deps = { ...world.deps, ...writingTwice(world.deps) };
  for (const n of [1, 2, 2, 3]) await start(nth(n), deps);
  expect(Object.values(await fates()).filter((fate) => fate === "live")).toHaveLength(1);
});

function injectedOnly(error: unknown): void {
  if (!(error instanceof Error) || error.name !== INJECTED) throw error;
}

test("any history of pushes, delivered in any order, with repeats and crashes, leaves the newest run alone alive", async () => {
  const step = fc.record({
    push: fc.integer({ min: 1, max: 6 }),
    write: fc.integer({ min: 1, max: 25 }),
    after: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6 }),
      async (steps, last) => {
        const small = makeSweepWorld();
        const { project, repository } = small.addProject("shop");
        repository.files.set(".baton/ci.yml", PIPELINE);
        for (const { push, write, after } of steps) {
          const dying = dyingAt(small.deps, write, after ? "after" : "before");
          await startTriggered({ ...small.deps, ...dying.deps }, project, nth(push), "webhook").catch(injectedOnly);
        }
        // In the end each is brought by somebody who lives.
        for (const push of last) await startTriggered(small.deps, project, nth(push), "webhook");
        const alive = small.runs().filter(({ state }) => state === "live");
        expect(alive.map(({ source }) => source?.sha)).toEqual([shaOf("push 6")]);
        const shas = small.runs().map(({ source }) => source?.sha);
        expect(new Set(shas).size).toBe(shas.length);
      },
    ),
    { numRuns: 150 },
  );
});
