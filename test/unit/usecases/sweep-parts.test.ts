import { expect, test } from "vitest";
import { sweepParts } from "../../../shared/usecases/sweep-parts.ts";
import { makeSweepWorld, START_MS } from "../../support/sweep-world.ts";
import { MINUTE_MS } from "../../support/times.ts";

test("a part that fails keeps no other from its turn, and fails the sweep", async () => {
  const world = makeSweepWorld();
  const asked: string[] = [];
  const part = (name: "runs" | "deliveries" | "reports", fails: boolean) => ({
    name,
    async sweep() {
      asked.push(name);
      if (fails) throw new Error(`no ${name}`);
      return 3;
    },
  });
  const sweep = sweepParts(world.deps, [part("runs", true), part("deliveries", false), part("reports", true)]);
  await expect(sweep).rejects.toThrow(
    "these parts of a sweep failed: runs, reports (Error: no runs; Error: no reports)",
  );
  expect(asked).toEqual(["runs", "deliveries", "reports"]);
  expect(world.counted.get("SweepFailed")).toBe(2);
  expect(await world.deps.sweeps.getSweep("main")).toMatchObject({ failedParts: ["runs", "reports"] });
});

test("the last sweep is kept, and one that began earlier does not take its place", async () => {
  const world = makeSweepWorld();
  const found = await sweepParts(world.deps, [{ name: "runs", sweep: async () => 2 }]);
  expect(found).toEqual({ runs: 2 });
  world.clock.nowMs = START_MS + 2 * MINUTE_MS;
  const slow = sweepParts(world.deps, [
    {
      name: "runs",
      async sweep() {
        world.clock.nowMs += MINUTE_MS;
        await sweepParts(world.deps, []);
        return 0;
      },
    },
  ]);
  await slow;
  expect(await world.deps.sweeps.getSweep("main")).toMatchObject({
    startedAtMs: START_MS + 3 * MINUTE_MS,
    endedAtMs: START_MS + 3 * MINUTE_MS,
    failedParts: [],
  });
});
