import fc from "fast-check";
import { expect, test } from "vitest";
import { type Hook, makeHistory, type Step } from "../support/webhook-history.ts";

/** What was delivered, and what a sweep saw, has one run: whatever is lost, doubled, late, at once, or dies at any step. */

const branch = fc.integer({ min: 0, max: 2 });
const number = fc.integer({ min: 1, max: 2 });
const tag = fc.integer({ min: 1, max: 3 });
const at = fc.integer({ min: 1, max: 5 });
/** One webhook of five is lost. */
const hook = fc.constantFrom<Hook>("now", "now", "now", "now", "twice", "late", "late", "dies", "lost", "lost");
const moment = fc.constantFrom("before" as const, "after" as const);
const sweep = fc.record({ do: fc.constant("sweep" as const), atOnce: fc.constantFrom(1, 1, 1, 2) });
const dyingSweep = fc.record({
  do: fc.constant("sweep" as const),
  atOnce: fc.constantFrom(1, 1, 2),
  dies: fc.record({ at: fc.integer({ min: 1, max: 24 }), moment }),
});
const wait = fc.record({ do: fc.constant("wait" as const), minutes: fc.integer({ min: 1, max: 11 }) });
const happenings: fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant("push" as const), branch, hook, at }),
  fc.record({ do: fc.constant("push" as const), branch, hook, at }),
  fc.record({ do: fc.constant("pull" as const), number, hook, at }),
  fc.record({ do: fc.constantFrom("restore" as const), branch, hook, at }),
  fc.record({ do: fc.constant("delete" as const), branch }),
  fc.record({ do: fc.constant("close" as const), number, hook, at }),
  fc.record({ do: fc.constant("hide" as const), number }),
  fc.record({ do: fc.constant("tag" as const), tag, annotated: fc.boolean(), hook, at }),
  fc.record({ do: fc.constant("untag" as const), tag }),
  fc.record({ do: fc.constant("deliver" as const), pick: fc.nat(9) }),
  wait,
  wait,
];

const HISTORY = { minLength: 20, maxLength: 60 };

async function playAll(steps: readonly Step[]) {
  const history = makeHistory();
  for (const step of steps) await history.play(step);
  await history.end();
  return history;
}

const sorted = (names: Iterable<string>) => [...names].sort();

test("with sweeps that never die, exactly what was delivered or differed at a sweep has a run, and one", async () => {
  const played = { histories: 0, lost: 0, runs: 0 };
  const steps = fc.array(fc.oneof(...happenings.slice(0, 3), ...happenings, sweep, sweep, sweep), HISTORY);
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const history = await playAll(all);
      if (history.deaths() === 0) {
        expect(sorted(history.started())).toEqual(sorted(history.must));
        expect(sorted(history.closed()), "closings").toEqual(sorted(history.closings.must));
      }
      played.histories += 1;
      played.lost += history.lost();
      played.runs += history.started().length;
    }),
    { numRuns: 300 },
  );
  expect(Math.min(played.lost, played.runs)).toBeGreaterThan(played.histories);
});

test("with processes that die at any write, nothing is missed, nothing runs twice, and nothing else runs", async () => {
  const played = { deaths: 0 };
  const steps = fc.array(fc.oneof(...happenings, sweep, dyingSweep, dyingSweep), HISTORY);
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const history = await playAll(all);
      const started = sorted(history.started());
      expect(started).toEqual(sorted(new Set(started)));
      expect(
        sorted(history.must).filter((name) => !started.includes(name)),
        "missed",
      ).toEqual([]);
      expect(
        started.filter((name) => !history.may.has(name)),
        "out of nothing",
      ).toEqual([]);
      const closed = sorted(history.closed());
      expect(closed, "closed twice").toEqual(sorted(new Set(closed)));
      expect(
        [...history.closings.must].filter((name) => !closed.includes(name)),
        "closings missed",
      ).toEqual([]);
      expect(
        closed.filter((name) => !history.closings.may.has(name)),
        "closings out of nothing",
      ).toEqual([]);
      played.deaths += history.deaths();
    }),
    { numRuns: 400 },
  );
  expect(played.deaths).toBeGreaterThan(200);
});

test("of 500 pushes 100 webhooks are lost: the sweep starts these 100, and no other", async () => {
  const history = makeHistory();
  await history.play({ do: "sweep", atOnce: 1 });
  for (let push = 0; push < 500; push += 1)
    await history.play({ do: "push", branch: push, hook: push % 5 === 2 ? "lost" : "now", at: 0 });
  await history.end();
  const bySweep = history.world.runs().filter(({ trigger }) => trigger?.via === "sweep");
  const expected = Array.from({ length: 100 }, (_, nth) => `b${nth * 5 + 2}`);
  expect(sorted(bySweep.map(({ trigger }) => trigger?.branch ?? ""))).toEqual(sorted(expected));
  expect(history.world.runs()).toHaveLength(500);
  expect(history.lost()).toBe(100);
});

test("of 500 tags 100 webhooks are lost: the sweep starts these 100, and no other", async () => {
  const history = makeHistory();
  await history.play({ do: "sweep", atOnce: 1 });
  for (let tag = 0; tag < 500; tag += 1)
    await history.play({ do: "tag", tag, annotated: tag % 2 === 0, hook: tag % 5 === 2 ? "lost" : "now", at: 0 });
  await history.end();
  const bySweep = history.world.runs().filter(({ trigger }) => trigger?.via === "sweep");
  const expected = Array.from({ length: 100 }, (_, nth) => `t${nth * 5 + 2}`);
  expect(sorted(bySweep.map(({ trigger }) => trigger?.tag ?? ""))).toEqual(sorted(expected));
  expect(history.world.runs()).toHaveLength(500);
});

const SUPERSEDING = "supersede: true\non: {pull_request: }\njobs: {build: {run: make}}\n";
const active = ({ world }: ReturnType<typeof makeHistory>) =>
  world.runs().filter(({ state }) => state !== "canceled" && state !== "canceling");

test("of 250 pull requests that are closed 50 webhooks are lost: the sweep lets the runs of these 50 go", async () => {
  const history = makeHistory({ pipeline: SUPERSEDING });
  await history.play({ do: "sweep", atOnce: 1 });
  for (let nth = 1; nth <= 500; nth += 1) await history.play({ do: "pull", number: nth, hook: "now", at: 0 });
  await history.play({ do: "wait", minutes: 5 });
  await history.play({ do: "sweep", atOnce: 1 });
  for (let nth = 1; nth <= 250; nth += 1)
    await history.play({ do: "close", number: nth, hook: nth % 5 === 2 ? "lost" : "now", at: 0 });
  expect(active(history)).toHaveLength(300);
  await history.end();
  const open = Array.from({ length: 250 }, (_, nth) => 251 + nth);
  expect(active(history).map(({ trigger }) => trigger?.number)).toEqual(expect.arrayContaining(open));
  expect(active(history)).toHaveLength(250);
  expect(history.closed()).toHaveLength(250);
});

test("with processes that die at any write, no run of a closed pull request goes on, and each open one has its own", async () => {
  const played = { lost: 0, deaths: 0, canceled: 0 };
  // A run that a sweep has made and not entered, and died, is entered by whoever brings its push again.
  const told = fc.constantFrom<Hook>("now", "now", "twice", "late", "dies");
  const pull = fc.record({ do: fc.constant("pull" as const), number, hook: told, at });
  const close = fc.record({ do: fc.constant("close" as const), number, hook, at });
  const steps = fc.array(fc.oneof(pull, pull, close, close, wait, wait, sweep, dyingSweep), HISTORY);
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const history = makeHistory({ pipeline: SUPERSEDING, losesSeenClosings: true });
      await history.play({ do: "sweep", atOnce: 1 });
      for (const step of all) await history.play(step);
      await history.end();
      const heads = [...history.repository.pulls.values()].map(({ number: of, sha }) => `${of} ${sha}`);
      const runs = active(history).map(({ trigger, source }) => `${trigger?.number} ${source?.sha}`);
      expect(sorted(runs)).toEqual(sorted(heads.filter((head) => history.must.has(`pull_request ${head}`))));
      played.lost += history.lost();
      played.deaths += history.deaths();
      played.canceled += history.world.runs().length - runs.length;
    }),
    { numRuns: 300 },
  );
  expect(Math.min(played.lost, played.deaths, played.canceled)).toBeGreaterThan(100);
});
