import fc from "fast-check";
import { expect, test } from "vitest";
import { nextDueMs } from "../../shared/pipeline/cron.ts";
import { ForgeError } from "../../shared/usecases/forge.ts";
import type { SweepDeps } from "../../shared/usecases/sweep-deps.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { sweepSchedules } from "../../shared/usecases/sweep-schedules.ts";
import { INJECTED } from "../support/drive.ts";
import { dyingAt, type Moment, writingTwice } from "../support/faulty-deps.ts";
import { makeSweepWorld, START_MS } from "../support/sweep-world.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../support/times.ts";

/** A cron line fires once per due time, or counts it as missed: with sweeps at once, that die at any write, late, or with a clock that jumps. */

const never = () => false;
const sha = "1".repeat(40);

async function scheduled(cron: string) {
  const world = makeSweepWorld();
  const { repository } = world.addProject("shop");
  repository.files.set(".baton/nightly.yml", `on: {schedule: [{cron: "${cron}"}]}\njobs: {build: {run: make}}\n`);
  repository.branches.set("main", sha);
  await sweepProjects(world.deps, never);
  return { world, repository };
}

type Death = { readonly at: number; readonly moment: Moment };

/** True where it died. */
async function sweepDying(deps: SweepDeps, death: Death): Promise<boolean> {
  const mortal = dyingAt(deps, death.at, death.moment);
  try {
    await sweepSchedules({ ...deps, ...mortal.deps }, never);
    return false;
  } catch (error) {
    if (!(error instanceof AggregateError) || !error.errors.every(isInjected)) throw error;
    return true;
  }
}
const isInjected = (error: unknown) => error instanceof Error && error.name === INJECTED;

const dueTimes = (cron: string, untilMs: number): number[] => {
  const all: number[] = [];
  for (let at = nextDueMs(cron, START_MS); at !== undefined && at <= untilMs; at = nextDueMs(cron, at)) all.push(at);
  return all;
};

type Step =
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "sweep"; readonly atOnce: number; readonly death?: Death; readonly twice?: boolean }
  | { readonly do: "forge"; readonly works: boolean };

const wait = fc.record({
  do: fc.constant("wait" as const),
  ms: fc.oneof(
    fc.integer({ min: 0, max: 100 * SECOND_MS }),
    fc.integer({ min: 0, max: 3 * HOUR_MS }),
    // The next sweep runs on a host whose clock is behind.
    fc.integer({ min: -2 * MINUTE_MS, max: 0 }),
  ),
});
const sweep = fc.record({ do: fc.constant("sweep" as const), atOnce: fc.constantFrom(1, 1, 3), twice: fc.boolean() });
const dyingSweep = fc.record({
  do: fc.constant("sweep" as const),
  atOnce: fc.constant(1),
  death: fc.record({
    at: fc.integer({ min: 1, max: 5 }),
    moment: fc.constantFrom("before" as const, "after" as const),
  }),
});
const forge = fc.record({ do: fc.constant("forge" as const), works: fc.boolean() });

async function play(cron: string, steps: readonly Step[]) {
  const { world, repository } = await scheduled(cron);
  const seen = { deaths: 0, latestMs: START_MS };
  for (const step of steps) {
    if (step.do === "wait") world.clock.nowMs = Math.max(START_MS, world.clock.nowMs + step.ms);
    else if (step.do === "forge")
      repository.failing = step.works ? undefined : { error: new ForgeError("down", { status: 502, retry: true }) };
    else if (step.death !== undefined) seen.deaths += (await sweepDying(world.deps, step.death)) ? 1 : 0;
    else {
      const deps = step.twice === true ? { ...world.deps, ...writingTwice(world.deps) } : world.deps;
      await Promise.all(Array.from({ length: step.atOnce }, () => sweepSchedules(deps, never)));
    }
    seen.latestMs = Math.max(seen.latestMs, world.clock.nowMs);
  }
  // The forge is back, and half an hour later nothing waits for another try.
  repository.failing = undefined;
  world.clock.nowMs = seen.latestMs;
  for (let minute = 0; minute < 65; minute += 1) {
    world.clock.nowMs += MINUTE_MS;
    await sweepSchedules(world.deps, never);
  }
  const fired = world.runs().map(({ trigger }) => trigger?.occurredAtMs ?? 0);
  return { world, fired: fired.sort((a, b) => a - b), deaths: seen.deaths, due: dueTimes(cron, world.clock.nowMs) };
}

const crons = fc.constantFrom("* * * * *", "*/5 * * * *", "30 * * * *", "10,40 */2 * * *", "0 6 * * *");

test("every due time has fired once or is counted as missed, and the last has fired", async () => {
  const total = { fired: 0, skipped: 0 };
  await fc.assert(
    fc.asyncProperty(
      crons,
      fc.array(fc.oneof(wait, sweep, forge), { minLength: 10, maxLength: 40 }),
      async (cron, all) => {
        const { world, fired, due } = await play(cron, all);
        const [schedule] = world.schedules();
        expect(fired).toEqual([...new Set(fired)]);
        expect(fired.filter((at) => !due.includes(at))).toEqual([]);
        expect(fired.length + (schedule?.skipped ?? 0)).toBe(due.length);
        expect(fired.at(-1)).toBe(due.at(-1));
        total.fired += fired.length;
        total.skipped += schedule?.skipped ?? 0;
      },
    ),
    { numRuns: 80 },
  );
  expect(Math.min(total.fired, total.skipped)).toBeGreaterThan(80);
});

test("with sweeps that die at any write: no due time twice, none out of nothing, none neither fired nor counted", async () => {
  const total = { deaths: 0 };
  await fc.assert(
    fc.asyncProperty(
      crons,
      fc.array(fc.oneof(wait, sweep, dyingSweep, dyingSweep, forge), { minLength: 10, maxLength: 40 }),
      async (cron, all) => {
        const { world, fired, due, deaths } = await play(cron, all);
        const [schedule] = world.schedules();
        expect(fired).toEqual([...new Set(fired)]);
        expect(fired.filter((at) => !due.includes(at))).toEqual([]);
        // A run whose sweep died may have been counted too, once its next due time had passed.
        expect(fired.length + (schedule?.skipped ?? 0)).toBeGreaterThanOrEqual(due.length);
        expect(fired.length + (schedule?.skipped ?? 0)).toBeLessThanOrEqual(due.length + deaths);
        expect(fired.at(-1)).toBe(due.at(-1));
        total.deaths += deaths;
      },
    ),
    { numRuns: 120 },
  );
  expect(total.deaths).toBeGreaterThan(20);
});

test.each([1, 2, 3, 4, 5].flatMap((at) => (["before", "after"] as const).map((moment) => ({ at, moment }))))(
  "a sweep that dies $moment its write $at is made up for by the next, once",
  async (death) => {
    const { world } = await scheduled("0 * * * *");
    world.clock.nowMs = START_MS + HOUR_MS;
    await sweepDying(world.deps, death);
    for (let minute = 1; minute < 10; minute += 1) {
      world.clock.nowMs = START_MS + HOUR_MS + minute * MINUTE_MS;
      await sweepSchedules(world.deps, never);
    }
    expect(world.runs().map(({ trigger }) => trigger?.occurredAtMs)).toEqual([START_MS + HOUR_MS]);
    expect(world.schedules()).toMatchObject([{ dueAtMs: START_MS + 2 * HOUR_MS, skipped: 0, tries: 0 }]);
  },
);
