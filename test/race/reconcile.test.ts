import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  LEASE_OVERTIME_MS,
  PLAN_TIMEOUT_MS,
  QUEUE_TIMEOUT_MS,
  REOFFER_AGES_MS,
  REOFFER_ALWAYS_AGE_MS,
  RUN_TIMEOUT_MS,
  STOP_GRACE_MS,
  SWEEP_LAG_MS,
} from "../../shared/domain/limits.ts";
import { jobKey } from "../../shared/store/keys.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { createRun } from "../../shared/usecases/create-run.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { releaseJob } from "../../shared/usecases/end-attempt.ts";
import { reconcileRun } from "../../shared/usecases/reconcile-run.ts";
import { renewLease } from "../../shared/usecases/renew-lease.ts";
import { sweepRuns } from "../../shared/usecases/sweep-runs.ts";
import { driveToEnd, finalState, injectedFault } from "../support/drive.ts";
import { claimAt, jobOf, PROGRESS, planOf, runningAt, runOf, startRun } from "../support/scenario.ts";
import { MINUTE_MS, SECOND_MS } from "../support/times.ts";
import { startWorld, type World } from "../support/world.ts";

let world: World;
let deps: Deps;
beforeAll(async () => {
  world = await startWorld();
  deps = world.deps;
});
beforeEach(() => {
  world.sent.offers.splice(0);
  world.sent.ticks.splice(0);
  world.sent.plans.splice(0);
});
afterAll(() => world.stop());

const one = planOf({ id: "one" });
const refOf = (runId: string) => ({ tenant: "main", runId });
/** Nobody can read the job any more. */
async function spoil(runId: string, jobId: string): Promise<void> {
  const key = jobKey({ ...refOf(runId), jobId });
  const { fence: _gone, ...rest } = (await world.read(key)) ?? {};
  await world.write({ ...rest, ...key, attempts: "garbage" });
}
const pass = (ms: number) => {
  world.clock.nowMs += ms;
};
const offers = (runId: string) => world.sent.offers.filter(({ offer }) => offer.runId === runId);
const ticks = (runId: string) => world.sent.ticks.filter((tick) => tick.runId === runId);
const withDepth = (depth: number): Deps => ({ ...deps, queues: { ...deps.queues, visibleOffers: async () => depth } });
/** Reconciles with the seq that the run has now, as its own tick would. */
const tick = async (runId: string, by: Deps = deps) =>
  reconcileRun(by, { ...refOf(runId), seq: (await runOf(deps, runId)).tickSeq });

describe("ticks", () => {
  test("do not multiply: of ten duplicates of one tick exactly one sends the next", async () => {
    const { runId } = await startRun(deps, one);
    for (let round = 0; round < 5; round += 1) {
      const { tickSeq } = await runOf(deps, runId);
      world.sent.ticks.splice(0);
      await Promise.all(Array.from({ length: 10 }, () => reconcileRun(deps, { ...refOf(runId), seq: tickSeq })));
      expect(ticks(runId)).toEqual([expect.objectContaining({ seq: tickSeq + 1 })]);
      expect((await runOf(deps, runId)).tickSeq).toBe(tickSeq + 1);
    }
  });

  test("of an older seq, or without one, reconcile and pass nothing on", async () => {
    const { runId } = await startRun(deps, one);
    await tick(runId);
    world.sent.ticks.splice(0);
    await reconcileRun(deps, { ...refOf(runId), seq: 0 });
    await reconcileRun(deps, refOf(runId));
    expect(ticks(runId)).toEqual([]);
  });

  test("come 2 to 30 seconds later, at the run's earliest deadline", async () => {
    const { runId } = await startRun(deps, one);
    await runningAt(deps, { runId, jobId: "one" });
    await tick(runId);
    expect(ticks(runId).at(-1)?.delayMs).toBe(30 * SECOND_MS);
    pass(30 * SECOND_MS);
    await tick(runId);
    expect(ticks(runId).at(-1)?.delayMs, "the lease expires in 15 s").toBe(15 * SECOND_MS + 1);
    pass(14.5 * SECOND_MS);
    await tick(runId);
    expect(ticks(runId).at(-1)?.delayMs).toBe(2 * SECOND_MS);
  });

  test("that were all lost are healed by the sweep, with the seq that the run has", async () => {
    const { runId } = await startRun(deps, one);
    await tick(runId);
    world.sent.ticks.splice(0);
    const wakeAtMs = (await runOf(deps, runId)).wakeAtMs ?? 0;
    world.clock.nowMs = wakeAtMs + SWEEP_LAG_MS;
    await sweepRuns(deps);
    expect(ticks(runId), "not a millisecond before the lag has passed").toEqual([]);
    pass(1);
    await sweepRuns(deps);
    expect(ticks(runId)).toEqual([{ ...refOf(runId), seq: 1, delayMs: 0 }]);
    await tick(runId);
    await sweepRuns(deps);
    expect(ticks(runId).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test("of an ended run, and sweeps, leave it alone", async () => {
    const { runId } = await startRun(deps, one);
    await driveToEnd(world, runId);
    world.sent.ticks.splice(0);
    const before = await runOf(deps, runId);
    pass(10 * MINUTE_MS);
    await reconcileRun(deps, { ...refOf(runId), seq: before.tickSeq });
    await sweepRuns(deps);
    expect(ticks(runId)).toEqual([]);
    expect(await runOf(deps, runId)).toEqual(before);
  });
});

test("two reconciles at once do everything once", async () => {
  for (let round = 0; round < 10; round += 1) {
    const { runId } = await startRun(
      deps,
      planOf({ id: "a" }, { id: "b" }, { id: "c", needs: ["a"] }, { id: "d", retries: { failed: 0, lost: 0 } }),
    );
    for (const jobId of ["a", "b", "d"]) await runningAt(deps, { runId, jobId });
    pass(46 * SECOND_MS);
    await Promise.all([reconcileRun(deps, refOf(runId)), reconcileRun(deps, refOf(runId)), tick(runId)]);
    expect((await finalState(deps, runId)).jobs).toEqual({ a: "queued", b: "queued", c: "waiting", d: "lost" });
    expect((await jobOf(deps, { runId, jobId: "a" })).left.lost).toBe(2);
    expect((await runOf(deps, runId)).tally).toEqual({ failed: 0, lost: 1 });
    expect((await driveToEnd(world, runId)).state).toBe("errored");
  }
});

describe("a lost offer", () => {
  test("is offered again at growing ages, once at each, while the queue is short", async () => {
    const { runId, createdAtMs } = await startRun(deps, one);
    expect(offers(runId)).toHaveLength(1);
    const agesMs: number[] = [];
    while (world.clock.nowMs < createdAtMs + 40 * MINUTE_MS) {
      const before = offers(runId).length;
      await tick(runId);
      await tick(runId);
      if (offers(runId).length > before) agesMs.push(world.clock.nowMs - createdAtMs);
      expect(offers(runId).length - before).toBeLessThanOrEqual(1);
      pass(15 * SECOND_MS);
    }
    const [last = 0] = REOFFER_AGES_MS.slice(-1);
    expect(agesMs).toEqual([...REOFFER_AGES_MS, 2 * last, 3 * last]);
    expect(offers(runId).every(({ offer }) => offer.fence === 0)).toBe(true);
  });

  test("is not offered again while its queue holds enough, until it is old", async () => {
    const { runId, createdAtMs } = await startRun(deps, one);
    const full = withDepth(1);
    for (const ageMs of REOFFER_AGES_MS.filter((age) => age < REOFFER_ALWAYS_AGE_MS)) {
      world.clock.nowMs = createdAtMs + ageMs;
      await tick(runId, full);
    }
    expect(offers(runId)).toHaveLength(1);
    world.clock.nowMs = createdAtMs + REOFFER_ALWAYS_AGE_MS;
    await tick(runId, full);
    expect(offers(runId)).toHaveLength(2);
  });

  test("among 300 is offered again with all the others, however many lie before it", async () => {
    const { runId } = await startRun(deps, planOf(...Array.from({ length: 300 }, (_, at) => ({ id: `j${at}` }))));
    world.sent.offers.splice(0);
    pass(15 * SECOND_MS);
    await tick(runId);
    expect(new Set(offers(runId).map(({ offer }) => offer.jobId)).size).toBe(300);
  });

  test("of a queue that cannot be measured is offered again, and the chain of ticks goes on", async () => {
    const { runId } = await startRun(deps, one);
    const blind: Deps = {
      ...deps,
      queues: {
        ...deps.queues,
        visibleOffers: async () => {
          throw injectedFault("no depth");
        },
      },
    };
    pass(15 * SECOND_MS);
    await tick(runId, blind);
    expect(offers(runId)).toHaveLength(2);
    expect(ticks(runId).at(-1)?.seq).toBe(1);
  });

  test("never loses a job: with every message lost, sweep alone brings the run to its end", async () => {
    const { runId } = await startRun(deps, planOf({ id: "a" }, { id: "b", needs: ["a"] }));
    world.sent.offers.splice(0);
    world.sent.ticks.splice(0);
    expect((await driveToEnd(world, runId)).state).toBe("succeeded");
  });
});

describe("deadlines", () => {
  test("a job that nobody claims before its queue deadline is lost, and the run errored", async () => {
    const { runId, createdAtMs } = await startRun(deps, one);
    world.clock.nowMs = createdAtMs + QUEUE_TIMEOUT_MS;
    await tick(runId);
    expect((await jobOf(deps, { runId, jobId: "one" })).state).toBe("queued");
    pass(1);
    await tick(runId);
    expect(await jobOf(deps, { runId, jobId: "one" })).toMatchObject({ state: "lost", left: { lost: 3 } });
    expect((await runOf(deps, runId)).state).toBe("errored");
  });

  test("a job whose runner outlives its timeout is stopped, then timed out by the expiry of its lease", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one", timeoutMs: MINUTE_MS }));
    const { claims } = await runningAt(deps, { runId, jobId: "one" });
    for (let beats = 0; beats < 6; beats += 1) {
      pass(20 * SECOND_MS);
      await renewLease(deps, claims, PROGRESS);
      await tick(runId);
    }
    expect((await jobOf(deps, { runId, jobId: "one" })).state, "the runner has its overtime").toBe("running");
    pass(LEASE_OVERTIME_MS / 2 + MINUTE_MS - 120 * SECOND_MS + 1);
    await tick(runId);
    const stopping = await jobOf(deps, { runId, jobId: "one" });
    expect(stopping).toMatchObject({ state: "stopping", stop: { reason: "timeout" } });
    pass(STOP_GRACE_MS + 45 * SECOND_MS);
    await tick(runId);
    expect((await jobOf(deps, { runId, jobId: "one" })).state).toBe("timed_out");
    expect((await runOf(deps, runId)).state).toBe("failed");
  });

  test("the run's hard deadline closes it, and not before", async () => {
    const { runId, createdAtMs } = await startRun(deps, one);
    await claimAt(deps, { runId, jobId: "one" });
    world.clock.nowMs = createdAtMs + RUN_TIMEOUT_MS;
    await tick(runId);
    expect((await runOf(deps, runId)).state).toBe("live");
    pass(1);
    await tick(runId);
    expect(await runOf(deps, runId)).toMatchObject({
      state: "timed_out",
      reason: "the run's hard deadline has passed",
    });
  });

  test.each(["live", "canceling"] as const)(
    "the hard deadline closes a %s run reading the run item only: a corrupt job cannot keep it open",
    async (state) => {
      const { runId, createdAtMs } = await startRun(deps, planOf({ id: "one" }, { id: "two" }));
      if (state === "canceling") {
        await runningAt(deps, { runId, jobId: "one" });
        await cancelRun(deps, refOf(runId), { actor: "test" });
      }
      await spoil(runId, "two");
      await expect(tick(runId), "nothing is swallowed while the run may still be healed").rejects.toThrow();
      world.clock.nowMs = createdAtMs + RUN_TIMEOUT_MS + 1;
      await tick(runId);
      expect((await runOf(deps, runId)).state).toBe(state === "live" ? "timed_out" : "canceled");
    },
  );

  test("a cancel that comes before the hard deadline closes the run is no run that is given up", async () => {
    const { runId, createdAtMs } = await startRun(deps, one);
    await runningAt(deps, { runId, jobId: "one" });
    world.clock.nowMs = createdAtMs + RUN_TIMEOUT_MS + 1;
    const warned: string[] = [];
    const apply: Deps["store"]["apply"] = async (move, ...rest) => {
      if (move.name === "timeOut") await cancelRun(deps, refOf(runId), { actor: "test" });
      return deps.store.apply(move, ...rest);
    };
    const log = { ...deps.log, warn: (message: string) => void warned.push(message) };
    await tick(runId, { ...deps, log, store: { ...deps.store, apply } });
    expect((await runOf(deps, runId)).state).toBe("canceling");
    expect(warned).toEqual([]);
    await tick(runId);
    expect((await runOf(deps, runId)).state).toBe("canceled");
  });

  describe.each(["live", "canceling"] as const)("a %s run that its deadline has closed", (state) => {
    const closedOver = async () => {
      const { runId, createdAtMs } = await startRun(deps, planOf({ id: "one" }, { id: "two", needs: ["one"] }));
      world.clock.nowMs = createdAtMs + RUN_TIMEOUT_MS - SECOND_MS;
      const { claims } = await runningAt(deps, { runId, jobId: "one" });
      if (state === "canceling") await cancelRun(deps, refOf(runId), { actor: "test" });
      pass(2 * SECOND_MS);
      return { runId, claims };
    };
    const statesOf = async (runId: string) =>
      Promise.all(["one", "two"].map(async (jobId) => (await jobOf(deps, { runId, jobId })).state));

    test("is looked at until its dead runner's lease has run out, and then no more", async () => {
      const { runId } = await closedOver();
      await tick(runId);
      const closed = await runOf(deps, runId);
      expect(closed).toMatchObject({ state: state === "live" ? "timed_out" : "canceled", dueShard: expect.anything() });
      expect(await statesOf(runId)).toEqual(["stopping", "canceled"]);
      pass(46 * SECOND_MS);
      await tick(runId);
      expect(await statesOf(runId)).toEqual(["canceled", "canceled"]);
      await tick(runId);
      const { wakeAtMs: _wake, tickedAtMs: _ticked, dueShard: _shard, tickSeq: _seq, ...kept } = closed;
      const forgotten = await runOf(deps, runId);
      expect(forgotten).toMatchObject(kept);
      expect(Object.keys(forgotten)).not.toEqual(expect.arrayContaining(["wakeAtMs", "dueShard"]));
      world.sent.ticks.splice(0);
      await tick(runId);
      expect(ticks(runId)).toEqual([]);
      expect(await runOf(deps, runId)).toEqual(forgotten);
    });

    test("is found by sweep where its tick was lost", async () => {
      const { runId } = await closedOver();
      await reconcileRun(deps, refOf(runId));
      pass(SWEEP_LAG_MS + SECOND_MS);
      world.sent.ticks.splice(0);
      await sweepRuns(deps);
      const [found] = ticks(runId);
      expect(found).toMatchObject({ runId, seq: (await runOf(deps, runId)).tickSeq });
      if (found !== undefined) await reconcileRun(deps, found);
      expect(await statesOf(runId)).toEqual(["canceled", "canceled"]);
    });

    test("hears its holder's word, and queues nothing again", async () => {
      const { runId, claims } = await closedOver();
      await tick(runId);
      world.sent.offers.splice(0);
      expect(await releaseJob(deps, claims, "its processes are gone")).toEqual({ state: "canceled" });
      await tick(runId);
      expect([await statesOf(runId), offers(runId)]).toEqual([["canceled", "canceled"], []]);
      expect((await runOf(deps, runId)).dueShard).toBeUndefined();
    });

    test("is seen out where nobody could look for more than an hour", async () => {
      const { runId } = await closedOver();
      await tick(runId);
      pass(61 * MINUTE_MS);
      await tick(runId);
      expect(await statesOf(runId)).toEqual(["canceled", "canceled"]);
      await tick(runId);
      expect((await runOf(deps, runId)).dueShard).toBeUndefined();
    });

    test("is given up after an hour of looks where its jobs cannot be ended", async () => {
      const { runId } = await closedOver();
      const apply: Deps["store"]["apply"] = async (move, ...rest) => {
        if (move.name.startsWith("expire")) throw new Error("the item cannot be written");
        return deps.store.apply(move, ...rest);
      };
      const lame = { ...deps, store: { ...deps.store, apply } };
      await tick(runId, lame);
      for (const minutes of [61, 1]) {
        expect((await runOf(deps, runId)).dueShard).toBeDefined();
        pass(minutes * MINUTE_MS);
        await expect(tick(runId, lame)).rejects.toThrow("cannot be written");
      }
      expect((await runOf(deps, runId)).dueShard).toBeUndefined();
      await tick(runId, lame);
    });

    test("is given up after an hour where its jobs cannot be read", async () => {
      const { runId } = await closedOver();
      await tick(runId);
      await spoil(runId, "one");
      pass(60 * MINUTE_MS);
      await expect(tick(runId)).rejects.toThrow();
      pass(SECOND_MS);
      await tick(runId);
      expect((await runOf(deps, runId)).dueShard).toBeUndefined();
      await tick(runId);
    });
  });

  test("a definition that nobody reads in time fails the plan; until then it is asked for again", async () => {
    const source = { kind: "git" as const, url: "/repo", sha: "c".repeat(40) };
    const body = { project: "default", source, pipelinePath: ".baton/ci.yml", watch: false };
    const { run } = await createRun(deps, body, { principal: "token:test" });
    expect(world.sent.plans.splice(0)).toHaveLength(1);
    pass(15 * SECOND_MS);
    await tick(run.runId);
    expect(world.sent.plans.filter(({ runId }) => runId === run.runId)).toHaveLength(1);
    world.clock.nowMs = run.createdAtMs + PLAN_TIMEOUT_MS + 1;
    await tick(run.runId);
    expect((await runOf(deps, run.runId)).state).toBe("plan_failed");
  });
});
