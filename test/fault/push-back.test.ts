import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { once } from "../../shared/lib/once.ts";
import type { Trigger } from "../../shared/protocol/triggers.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import type { SweepDeps } from "../../shared/usecases/sweep-deps.ts";
import { sweepProjects } from "../../shared/usecases/sweep-projects.ts";
import { isAlive, makePushHistory, type PushStep } from "../support/push-history.ts";
import { MINUTE_MS } from "../support/times.ts";
import { shaOf } from "../support/trigger-world.ts";

/** `supersede: true`, and a branch that is set back: the head's commit has one run that counts, and no other commit has. */

const ON = ["branch", "pull"] as const;
const [A, B] = [shaOf("commit 1"), shaOf("commit 2")];
const push = (commit: number, hook: "now" | "late" | "lost" = "now", sameSecond = false): PushStep => ({
  do: "push",
  on: "branch",
  commit,
  hook,
  sameSecond,
});

/** The nth write of one waits until the whole of the other is done. */
function interrupted(deps: SweepDeps, nth: number, other: () => Promise<unknown>): SweepDeps {
  let count = 0;
  const around = async <T>(write: () => Promise<T>): Promise<T> => {
    count += 1;
    if (count === nth) await other();
    return write();
  };
  const { store } = deps;
  const apply: typeof store.apply = (...args) => around(() => store.apply(...args));
  return { ...deps, store: { ...store, apply, birth: (items) => around(() => store.birth(items)) } };
}

const SWEEP: PushStep = { do: "sweep", minutes: 5 };

async function played(steps: readonly PushStep[], on: "branch" | "pull" = "branch") {
  const history = makePushHistory();
  // The repository is known before.
  await history.play({ do: "sweep", minutes: 5 });
  for (const step of steps) await history.play("on" in step ? { ...step, on } : step);
  return history;
}

function check(history: ReturnType<typeof makePushHistory>, on: "branch" | "pull", hasSameSecond = false): void {
  const runs = history.runsOn(on);
  const head = history.headOf(on);
  const told = runs.map(
    ({ source, state, supersededBy }) => `${source?.sha.slice(0, 4)} ${state} ${supersededBy?.slice(0, 4)}`,
  );
  // What becomes of the runs of a branch that is gone is another matter.
  if (head === undefined && runs.length > 0) return;
  const counting = runs.filter(({ supersededBy }) => supersededBy === undefined);
  expect(
    counting.map(({ source }) => source?.sha),
    `${on} ${head?.slice(0, 4)}: ${told.join(", ")}`,
  ).toEqual(head === undefined ? [] : [head]);
  expect(counting.every(isAlive)).toBe(true);
  // A cycle within one second may start a repetition anew: another push of that second supersedes it.
  if (!hasSameSecond)
    for (const [sha, made] of Map.groupBy(runs, ({ source }) => source?.sha ?? ""))
      expect(made.length, "runs of a commit").toBeLessThanOrEqual(history.pushesTo(on, sha));
}

describe.each(ON)("case C2: of a %s", (on) => {
  test.each([
    ["told in order", [push(1), push(2), push(1)]],
    ["seen by sweep alone", [push(1), push(2), push(1, "lost")]],
    ["seen by sweep alone, which saw the same before", [push(1), SWEEP, push(2), push(1, "lost")]],
    ["of one second", [push(1), push(2, "now", true), push(1, "now", true)]],
    ["told before what came between", [push(1), push(2, "late"), push(1), { do: "deliver", pick: 0, isAgain: false }]],
    [
      "of one second, told before what came between",
      [push(1), push(2, "late", true), push(1, "now", true), { do: "deliver", pick: 0, isAgain: false }],
    ],
  ] satisfies [string, PushStep[]][])(
    "a push back, %s, takes the place: its commit has one run that counts",
    async (_, steps) => {
      const history = await played(steps, on);
      await history.play({ do: "sweep", minutes: 5 });
      check(history, on);
      const before = history.runsOn(on).length;
      // Each webhook comes again under a new id: nothing starts anew.
      for (const pick of [0, 1, 2, 1, 0]) await history.play({ do: "deliver", pick, isAgain: true });
      await history.play({ do: "sweep", minutes: 5 });
      check(history, on);
      expect(history.runsOn(on)).toHaveLength(before);
    },
  );

  test("a repetition of the first push does not take the place of the second", async () => {
    const history = await played([push(1), push(2)], on);
    for (let times = 0; times < 3; times += 1) await history.play({ do: "deliver", pick: 0, isAgain: true });
    await history.play({ do: "sweep", minutes: 5 });
    expect(history.runsOn(on).map(({ source, state }) => [source?.sha, state])).toEqual([
      [A, "canceled"],
      [B, "live"],
    ]);
  });

  test("what a person has canceled does not start again by itself", async () => {
    const history = await played([push(1)], on);
    const [first] = history.runsOn(on);
    if (first !== undefined) await history.cancelByPerson(first);
    for (const step of [push(2), push(1)]) await history.play("on" in step ? { ...step, on } : step);
    await history.end();
    expect(history.runsOn(on).map(({ source, state, reason }) => [source?.sha, state, reason])).toEqual([
      [A, "canceled", "not today"],
      [B, "canceled", `superseded by ${A}`],
    ]);
  });

  test("a commit that was left alone by `paths` runs when the branch is set back to it over what ran", async () => {
    const history = makePushHistory();
    await history.play({ do: "sweep", minutes: 5 });
    const filter = "{paths: [src/**]}";
    history.repository.files.set(
      ".baton/ci.yml",
      `supersede: true\non: {push: ${filter}, pull_request: ${filter}}\njobs: {build: {run: make}}\n`,
    );
    history.repository.forge.changedPaths = async (_project, before, after) =>
      after === A && before !== B ? ["docs/x"] : ["src/x"];
    for (const step of [push(3), push(1)]) await history.play({ ...step, on } as PushStep);
    await history.play({ do: "sweep", minutes: 5 });
    expect(history.runsOn(on).filter(({ source }) => source?.sha === A)).toEqual([]);
    for (const step of [push(2), push(1)]) await history.play({ ...step, on } as PushStep);
    await history.end();
    const alive = history.runsOn(on).filter(isAlive);
    expect(alive.map(({ source }) => source?.sha)).toEqual([on === "branch" ? A : B]);
  });
});

describe.each(ON)("case C2: of a %s", (on) => {
  const WRITES = Array.from({ length: 14 }, (_, at) => at + 1);
  test.each(WRITES)(
    "a push and the push back at once, one within the other at its write %i: one run counts",
    async (nth) => {
      for (const isBackWithin of [true, false]) {
        const history = await played([push(1), push(2, "late"), push(1, "late")], on);
        const [between, back] = history.waiting.splice(0) as [Trigger, Trigger];
        const [outer, inner] = isBackWithin ? [between, back] : [back, between];
        const { deps } = history.world;
        const start = (trigger: Trigger, by: SweepDeps) => startTriggered(by, history.project, trigger, "webhook");
        const whole = once(() => start(inner, deps));
        await start(outer, interrupted(deps, nth, whole));
        await whole();
        check(history, on);
        await history.play({ ...push(3), on } as PushStep);
        check(history, on);
        await history.play({ ...push(1), on } as PushStep);
        await history.play({ do: "sweep", minutes: 5 });
        check(history, on);
      }
    },
  );
});

test.each([1, 2, 3, 4, 5, 6])(
  "case C2: a push and a push back within a sweep, at its write %i, are found by the next",
  async (nth) => {
    for (const on of ON) {
      const history = await played([push(1), SWEEP, push(3), SWEEP, push(1)], on);
      history.world.clock.nowMs += 5 * MINUTE_MS;
      const pushed = once(async () => {
        for (const step of [push(2), push(1, "lost")]) await history.play({ ...step, on } as PushStep);
      });
      await sweepProjects(interrupted(history.world.deps, nth, pushed), () => false);
      await pushed();
      await history.play(SWEEP);
      check(history, on);
    }
  },
);

const on = fc.constantFrom(...ON);
const hook = fc.constantFrom("now" as const, "now" as const, "late" as const, "lost" as const);
const dies = fc.record({
  at: fc.integer({ min: 1, max: 14 }),
  moment: fc.constantFrom("before" as const, "after" as const),
});
const pushes = fc.record({
  do: fc.constant("push" as const),
  on,
  commit: fc.integer({ min: 1, max: 3 }),
  hook,
  sameSecond: fc.constantFrom(false, false, false, false, true),
});
const happenings = [
  pushes,
  pushes,
  pushes,
  fc.record({ do: fc.constant("deliver" as const), pick: fc.nat(9), isAgain: fc.boolean() }),
  fc.record({ do: fc.constant("sweep" as const), minutes: fc.integer({ min: 1, max: 6 }) }),
] satisfies fc.Arbitrary<PushStep>[];
const drop = fc.record({ do: fc.constant("drop" as const) });
const deaths = [
  fc.record({ do: fc.constant("deliver" as const), pick: fc.nat(9), isAgain: fc.boolean(), dies }),
  fc.record({ do: fc.constant("sweep" as const), minutes: fc.integer({ min: 1, max: 6 }), dies }),
] satisfies fc.Arbitrary<PushStep>[];

test("case C2: whatever is pushed to and fro, told in any order, twice, late or never, or dies: the head runs, and nothing else", async () => {
  let superseded = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(...happenings, ...happenings, drop, ...deaths), { minLength: 4, maxLength: 24 }),
      async (steps) => {
        const history = makePushHistory();
        await history.play({ do: "sweep", minutes: 5 });
        for (const step of steps) await history.play(step);
        await history.end();
        for (const one of ON)
          check(
            history,
            one,
            steps.some((step) => step.do === "push" && step.sameSecond),
          );
        superseded += history.world.runs().filter(({ supersededBy }) => supersededBy !== undefined).length;
      },
    ),
    { numRuns: 300 },
  );
  expect(superseded).toBeGreaterThan(100);
});
