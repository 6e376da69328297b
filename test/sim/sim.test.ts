import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { REGRESSIONS } from "./regressions.ts";
import { runWorlds } from "./run-worlds.ts";
import { shrink } from "./shrink.ts";
import { type Outcome, simulate } from "./simulate.ts";

/** Whole simulated systems: `npm run sim -- --seed N --runs M` looks at many more. */

const FIXED_WORLDS = 200;
const FRESH_WORLDS = 150;
const SEED_MAX = 2 ** 31;
/** Of one test, on a machine that has much else to do. */
const MAX_MS = 300_000;

const told = (failed: readonly Outcome[]) => failed.map(({ seed, broken }) => `seed ${seed}: ${broken?.message}`);

describe("a world", () => {
  test("is the same whenever its seed is the same, and no other is", async () => {
    const seeds = [1, 2, 3, 34, 69, 935];
    for (const forge of [false, true]) {
      const once = await hashes(seeds, forge);
      expect(await hashes(seeds, forge)).toEqual(once);
      expect(new Set(once).size).toBe(seeds.length);
    }
  });

  test("is no other where its story is told", async () => {
    const [told, untold] = [await simulate({ seed: 34, recording: true }), await simulate({ seed: 34 })];
    expect(told.traceHash).toBe(untold.traceHash);
    expect(told.story.length).toBeGreaterThan(20);
  });

  test("is the same where only those faults may strike that did", async () => {
    for (const forge of [false, true])
      for (const seed of [4, 16, 28, 34]) {
        const whole = await simulate({ seed, forge });
        expect(whole.struck.length).toBeGreaterThan(0);
        const replayed = await simulate({ seed, forge, only: new Set(whole.struck) });
        expect(replayed.traceHash).toBe(whole.traceHash);
      }
  });
});

async function hashes(seeds: readonly number[], forge: boolean): Promise<string[]> {
  const all: string[] = [];
  for (const seed of seeds) all.push((await simulate({ seed, forge })).traceHash);
  return all;
}

describe("every invariant holds", () => {
  test(
    `in the worlds of the seeds 1 to ${FIXED_WORLDS}`,
    async () => {
      const { failed, faults } = await runWorlds(1, FIXED_WORLDS);
      expect(told(failed)).toEqual([]);
      // Worlds in which nothing goes wrong would prove little.
      expect(faults).toBeGreaterThan(10 * FIXED_WORLDS);
    },
    MAX_MS,
  );

  test(
    `in ${FRESH_WORLDS} worlds that nobody has seen`,
    async () => {
      const seed = randomInt(SEED_MAX);
      console.log(`fresh worlds from seed ${seed}: npm run sim -- --seed ${seed} --runs ${FRESH_WORLDS}`);
      const { failed } = await runWorlds(seed, FRESH_WORLDS);
      expect(told(failed), `npm run sim -- --seed ${seed} --runs ${FRESH_WORLDS}`).toEqual([]);
    },
    MAX_MS,
  );

  test.each(REGRESSIONS)("in the world of seed $seed, which found: $found", async ({ seed, forge }) => {
    expect((await simulate({ seed, forge })).broken).toBeUndefined();
  });
});

describe("a failing world", () => {
  test("shrinks to the faults that it needs", async () => {
    const world = { seed: 16, forge: false };
    const faults = (await simulate(world)).struck;
    const needed = [faults[3], faults[11]];
    // Fails wherever both strike.
    const failing = async (asked: Parameters<typeof simulate>[0]): Promise<Outcome> => {
      const outcome = await simulate(asked);
      const strikes = needed.every((fault) => fault !== undefined && (asked.only ?? new Set(faults)).has(fault));
      return strikes ? { ...outcome, broken: new Error("both struck"), struck: faults } : outcome;
    };
    const shrunk = await shrink(failing, await failing(world));
    expect(shrunk.faults).toEqual(needed);
    expect(shrunk.outcome.story.length).toBeGreaterThan(0);
  });
});
