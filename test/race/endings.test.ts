import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LEASE_TTL_MS, STOP_GRACE_MS } from "../../shared/domain/limits.ts";
import { needOutcomeOf } from "../../shared/domain/verdict.ts";
import { jobKey } from "../../shared/store/keys.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { ackCancel, completeJob, expireLease, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { ackLease, renewLease } from "../../shared/usecases/renew-lease.ts";
import { stopJob } from "../../shared/usecases/stop-jobs.ts";
import { expectStale, refOf, runningJob } from "../support/one-running-job.ts";
import {
  answerOf,
  claimAt,
  type JobWish,
  jobOf,
  lastWord,
  PROGRESS,
  planOf,
  runningAt,
  runOf,
  startRun,
  storedItem,
} from "../support/scenario.ts";
import { startWorld, type World } from "../support/world.ts";

const ROUNDS = 60;
const OUTCOMES = ["succeeded", "failed", "timed_out"] as const;
const CAUSE = { actor: "test" };

let world: World;
let deps: Deps;
beforeAll(async () => {
  world = await startWorld();
  deps = world.deps;
});
afterAll(() => world.stop());

const pass = (ms: number) => {
  world.clock.nowMs += ms;
};

async function stoppingJob(reason: "cancel" | "timeout" | "superseded", wish: Partial<JobWish> = {}) {
  const running = await runningJob(world, wish);
  await stopJob(deps, await jobOf(deps, running.ref), reason, world.clock.nowMs, CAUSE);
  return running;
}

describe("a race for the end", () => {
  test(`complete, complete of another outcome and release at once: one wins, and its end stands (${ROUNDS} rounds)`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { ref, claims } = await runningJob(world);
      await Promise.all([
        answerOf(completeJob(deps, claims, lastWord("succeeded"))),
        answerOf(completeJob(deps, claims, lastWord("failed"))),
        answerOf(releaseJob(deps, claims, "drain")),
      ]);
      const job = await jobOf(deps, ref);
      expect(["succeeded", "failed", "queued"]).toContain(job.state);
      const outcome = job.attempts["1"]?.end?.outcome;
      expect(outcome).toBe(job.state === "queued" ? "lost" : job.state);
      const moves = Object.keys(job.history).filter((key) => /\.(succeed|fail|release)$/.test(key));
      expect(moves).toHaveLength(1);
    }
  });

  test(`reap, heartbeat and complete at the moment of expiry: never two ends (${ROUNDS} rounds)`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { ref, claims } = await runningJob(world);
      const seen = await jobOf(deps, ref);
      const granted = world.clock.nowMs;
      // Handlers on hosts whose clocks stand on either side of the expiry.
      const before: Deps = at(granted + LEASE_TTL_MS - 1);
      const after: Deps = at(granted + LEASE_TTL_MS + 1);
      const [, beaten, completed] = await Promise.all([
        expireLease(after, seen),
        answerOf(renewLease(before, claims, PROGRESS)),
        answerOf(completeJob(before, claims, lastWord())),
      ]);
      const job = await jobOf(deps, ref);
      const outcome = job.attempts["1"]?.end?.outcome;
      // A renewal that lands first leaves the lease to the completion, so the completion wins or is told that it is stale.
      if (completed === "accepted") expect([job.state, outcome]).toEqual(["succeeded", "succeeded"]);
      else {
        expect(completed).toBe("stale_lease");
        expect([job.state, outcome]).toEqual(["queued", "lost"]);
        expect(job.left.lost).toBe(2);
      }
      expect(["accepted", "stale_lease"]).toContain(beaten);
    }
  });

  test(`heartbeats and a reap at once: a renewed lease is not reaped, a reaped one is not revived (${ROUNDS} rounds)`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { ref, claims } = await runningJob(world);
      const seen = await jobOf(deps, ref);
      const expiryMs = world.clock.nowMs + LEASE_TTL_MS;
      const beats = await Promise.all([
        answerOf(renewLease(at(expiryMs - 1), claims, PROGRESS)),
        expireLease(at(expiryMs + 1), seen).then(() => "reap"),
        answerOf(renewLease(at(expiryMs - 2), claims, PROGRESS)),
      ]);
      const job = await jobOf(deps, ref);
      if (job.state === "queued")
        expect(await answerOf(renewLease(at(expiryMs), claims, PROGRESS))).toBe("stale_lease");
      else expect(beats).toContain("accepted");
      expect(job.lease === undefined).toBe(job.state === "queued");
    }
  });

  /** The same control plane by another clock. */
  const at = (nowMs: number): Deps => ({ ...deps, clock: { nowMs: () => nowMs, monotonicMs: () => nowMs } });
});

describe("an expired lease", () => {
  test("re-queues the job, and the second attempt ends the run", async () => {
    const { ref, claims } = await runningJob(world);
    pass(LEASE_TTL_MS + 1);
    await expireLease(deps, await jobOf(deps, ref));
    const job = await jobOf(deps, ref);
    expect([job.state, job.fence, job.left, job.lease]).toEqual(["queued", 1, { failed: 0, lost: 2 }, undefined]);
    expect(world.sent.offers.at(-1)?.offer).toMatchObject({ runId: ref.runId, jobId: "one", fence: 1 });
    const second = await runningAt(deps, ref, { fence: 1 });
    expect(await completeJob(deps, second.claims, lastWord())).toEqual({ state: "succeeded" });
    expect((await runOf(deps, ref.runId)).state).toBe("succeeded");
    await expectStale(world, ref, () => completeJob(deps, claims, lastWord("failed")));
  });

  test("is not reaped one millisecond too early", async () => {
    const { ref } = await runningJob(world);
    pass(LEASE_TTL_MS);
    await expireLease(deps, await jobOf(deps, ref));
    expect((await jobOf(deps, ref)).state).toBe("running");
  });

  test("is refused its late words before anybody has reaped it, and nothing changes", async () => {
    const { ref, claims } = await runningJob(world);
    pass(LEASE_TTL_MS);
    await expectStale(world, ref, () => completeJob(deps, claims, lastWord()));
    await expectStale(world, ref, () => renewLease(deps, claims, PROGRESS));
    await expectStale(world, ref, () => ackLease(deps, claims));
  });

  test.each(OUTCOMES)("is refused a late %s after the job was granted again, and nothing changes", async (outcome) => {
    const { ref, claims } = await runningJob(world);
    pass(LEASE_TTL_MS + 1);
    await expireLease(deps, await jobOf(deps, ref));
    await expectStale(world, ref, () => completeJob(deps, claims, lastWord(outcome)));
    await runningAt(deps, ref, { fence: 1 });
    await expectStale(world, ref, () => completeJob(deps, claims, lastWord(outcome)));
    await expectStale(world, ref, () => renewLease(deps, claims, PROGRESS));
  });

  test("lets its holder say late that its processes are gone, which changes nothing of the next attempt", async () => {
    const { ref, claims } = await runningJob(world);
    pass(LEASE_TTL_MS + 1);
    await expireLease(deps, await jobOf(deps, ref));
    await runningAt(deps, ref, { fence: 1 });
    const before = await storedItem(world, jobKey(ref));
    expect(await releaseJob(deps, claims, "deadline_passed")).toEqual({ state: "running" });
    expect(await ackCancel(deps, claims, undefined)).toEqual({ state: "running" });
    expect(await storedItem(world, jobKey(ref))).toEqual(before);
  });

  test("that was never acknowledged counts as a loss too", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }));
    const { claims } = await claimAt(deps, refOf(runId));
    pass(LEASE_TTL_MS + 1);
    await expectStale(world, refOf(runId), () => ackLease(deps, claims));
    await expireLease(deps, await jobOf(deps, refOf(runId)));
    expect(await jobOf(deps, refOf(runId))).toMatchObject({ state: "queued", left: { lost: 2 } });
  });

  test("with the loss budget spent makes the job lost and the run errored, and never spends the user's retries", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one", retries: { failed: 2, lost: 1 } }));
    for (const fence of [0, 1]) {
      await runningAt(deps, refOf(runId), { fence });
      pass(LEASE_TTL_MS + 1);
      await expireLease(deps, await jobOf(deps, refOf(runId)));
    }
    const job = await jobOf(deps, refOf(runId));
    expect(job).toMatchObject({ state: "lost", left: { failed: 2, lost: 0 }, result: { fence: 2, outcome: "lost" } });
    expect(needOutcomeOf(job)).toBe("lost");
    expect((await runOf(deps, runId)).state).toBe("errored");
  });
});

describe("a renewal", () => {
  test("that was delayed never shortens the lease, and is answered with no more than a whole one", async () => {
    const { ref, claims } = await runningJob(world);
    const early: Deps = { ...deps, clock: { ...deps.clock, nowMs: () => lateMs - 9_000 } };
    pass(10_000);
    const lateMs = world.clock.nowMs;
    await renewLease(deps, claims, PROGRESS);
    const renewed = await storedItem(world, jobKey(ref));
    expect(await renewLease(early, claims, PROGRESS)).toMatchObject({ ttlMs: LEASE_TTL_MS });
    expect(await storedItem(world, jobKey(ref))).toEqual(renewed);
  });

  test("before the lease was acknowledged is refused: no step can have started", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }));
    const { claims } = await claimAt(deps, refOf(runId));
    expect(await answerOf(renewLease(deps, claims, PROGRESS))).toBe("conflict");
    expect(await answerOf(completeJob(deps, claims, lastWord()))).toBe("conflict");
    expect((await jobOf(deps, refOf(runId))).state).toBe("leased");
  });

  test("repeated acknowledgements are answered with the stored rest, and extend nothing", async () => {
    const { claims } = await runningJob(world);
    pass(5_000);
    expect((await ackLease(deps, claims)).ttlMs).toBe(LEASE_TTL_MS - 5_000);
  });
});

describe("a stopping job", () => {
  test("keeps its first reason: a timeout after a cancel changes nothing", async () => {
    const { ref } = await stoppingJob("cancel");
    const before = await storedItem(world, jobKey(ref));
    for (const reason of ["timeout", "superseded", "cancel"] as const)
      expect(await stopJob(deps, await jobOf(deps, ref), reason, world.clock.nowMs + 9, CAUSE)).toBeUndefined();
    expect(await storedItem(world, jobKey(ref))).toEqual(before);
  });

  test("is told to stop at the next heartbeat and acknowledgement, and is never renewed past its deadline", async () => {
    const { ref, claims } = await runningJob(world);
    pass(40_000);
    await stopJob(deps, await jobOf(deps, ref), "cancel", world.clock.nowMs, CAUSE);
    const deadlineMs = world.clock.nowMs + STOP_GRACE_MS;
    const told = await renewLease(deps, claims, PROGRESS);
    expect(told).toEqual({ ttlMs: STOP_GRACE_MS, watched: false, stop: { reason: "cancel", inMs: STOP_GRACE_MS } });
    expect((await ackLease(deps, claims)).stop).toEqual(told.stop);
    pass(STOP_GRACE_MS - 1);
    expect((await renewLease(deps, claims, PROGRESS)).ttlMs).toBe(1);
    expect((await jobOf(deps, ref)).lease?.expiresAtMs).toBe(deadlineMs);
    pass(1);
    await expectStale(world, ref, () => renewLease(deps, claims, PROGRESS));
  });

  test.each(OUTCOMES)("records a %s that reaches it on the attempt, which does not change its end", async (outcome) => {
    const { ref, claims } = await stoppingJob("cancel", { retries: { failed: 1, lost: 1 } });
    expect(await completeJob(deps, claims, lastWord(outcome, { exitCode: 3 }))).toEqual({ state: "canceled" });
    const job = await jobOf(deps, ref);
    expect(job.attempts["1"]?.end).toMatchObject({ outcome: "canceled", reported: outcome, exitCode: 3 });
    expect(job.left).toEqual({ failed: 1, lost: 1 });
    expect(job.result).toEqual({ fence: 1, outcome: "canceled" });
  });

  test.each(["cancel", "superseded"] as const)(
    "stopped by %s ends as canceled by its holder's word",
    async (reason) => {
      for (const word of [releaseJob, ackCancel] as const) {
        const { ref, claims } = await stoppingJob(reason);
        const call = word === releaseJob ? releaseJob(deps, claims, "drain") : ackCancel(deps, claims, undefined);
        expect(await call).toEqual({ state: "canceled" });
        expect((await jobOf(deps, ref)).stop).toBeUndefined();
      }
    },
  );

  test("that timed out is retried from the user's budget, then ends as timed out", async () => {
    const { ref, claims } = await stoppingJob("timeout", { retries: { failed: 1, lost: 0 } });
    expect(await ackCancel(deps, claims, undefined)).toEqual({ state: "queued" });
    const second = await runningAt(deps, ref, { fence: 1 });
    await stopJob(deps, await jobOf(deps, ref), "timeout", world.clock.nowMs, CAUSE);
    expect(await ackCancel(deps, second.claims, undefined)).toEqual({ state: "timed_out" });
    const job = await jobOf(deps, ref);
    expect(Object.values(job.attempts).map(({ end }) => end?.outcome)).toEqual(["timed_out", "timed_out"]);
    expect((await runOf(deps, ref.runId)).state).toBe("failed");
  });

  test.each([
    ["cancel", "canceled"],
    ["superseded", "canceled"],
    ["timeout", "timed_out"],
  ] as const)("of a dead runner, stopped by %s, ends by the expiry of its lease", async (reason, state) => {
    const { ref } = await stoppingJob(reason);
    pass(STOP_GRACE_MS + 1);
    await expireLease(deps, await jobOf(deps, ref));
    expect((await jobOf(deps, ref)).state, "never by a deadline alone").toBe("stopping");
    pass(LEASE_TTL_MS);
    await expireLease(deps, await jobOf(deps, ref));
    expect(await jobOf(deps, ref)).toMatchObject({ state, left: { lost: 3 } });
  });

  test.each(["cancel", "timeout"] as const)(
    "stopped by %s and reaped refuses its holder's late report: none of it would be kept",
    async (reason) => {
      const { ref, claims } = await stoppingJob(reason, { retries: { failed: 1, lost: 0 } });
      pass(LEASE_TTL_MS + 1);
      await expireLease(deps, await jobOf(deps, ref));
      await expectStale(world, ref, () => completeJob(deps, claims, lastWord()));
      expect(await answerOf(ackCancel(deps, claims, undefined)), "its processes are gone").toBe("accepted");
    },
  );

  test("a job that nobody asked to stop refuses the word that it stopped", async () => {
    const { ref, claims } = await runningJob(world);
    expect(await answerOf(ackCancel(deps, claims, undefined))).toBe("conflict");
    expect((await jobOf(deps, ref)).state).toBe("running");
  });
});

test("a heartbeat of a job whose run was canceled is told within one heartbeat", async () => {
  const { ref, claims } = await runningJob(world);
  await cancelRun(deps, ref, { actor: "test", reason: "enough" });
  expect((await renewLease(deps, claims, PROGRESS)).stop?.reason).toBe("cancel");
});
