import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ARTIFACTS_PER_ATTEMPT_MAX,
  CHECK_RESULTS_MAX,
  LEASE_TTL_MS,
  RETRIES_MAX,
  STOP_GRACE_MS,
} from "../../shared/domain/limits.ts";
import { needOutcomeOf } from "../../shared/domain/verdict.ts";
import { jobKey, runKey } from "../../shared/store/keys.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { ackCancel, completeJob, expireLease, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { ackLease, renewLease } from "../../shared/usecases/renew-lease.ts";
import { stopJob } from "../../shared/usecases/stop-jobs.ts";
import {
  type Attempt,
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

const refOf = (runId: string) => ({ tenant: "main", runId, jobId: "one" });
const pass = (ms: number) => {
  world.clock.nowMs += ms;
};

/** A run of one job that is running. */
async function runningJob(wish: Partial<JobWish> = {}): Promise<Attempt & { ref: ReturnType<typeof refOf> }> {
  const { runId } = await startRun(deps, planOf({ id: "one", ...wish }));
  const ref = refOf(runId);
  return { ref, ...(await runningAt(deps, ref)) };
}

async function stoppingJob(reason: "cancel" | "timeout" | "superseded", wish: Partial<JobWish> = {}) {
  const running = await runningJob(wish);
  await stopJob(deps, await jobOf(deps, running.ref), reason, world.clock.nowMs, CAUSE);
  return running;
}

/** Does the call and asserts that it is refused as stale, with nothing changed, byte for byte. */
async function expectStale(ref: ReturnType<typeof refOf>, call: () => Promise<unknown>): Promise<void> {
  const before = [await storedItem(world, jobKey(ref)), await storedItem(world, runKey(ref))];
  expect(await answerOf(call())).toBe("stale_lease");
  expect([await storedItem(world, jobKey(ref)), await storedItem(world, runKey(ref))]).toEqual(before);
}

describe("a race for the end", () => {
  test(`complete, complete of another outcome and release at once: one wins, and its end stands (${ROUNDS} rounds)`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { ref, claims } = await runningJob();
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
      const { ref, claims } = await runningJob();
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
      const { ref, claims } = await runningJob();
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
    const { ref, claims } = await runningJob();
    pass(LEASE_TTL_MS + 1);
    await expireLease(deps, await jobOf(deps, ref));
    const job = await jobOf(deps, ref);
    expect([job.state, job.fence, job.left, job.lease]).toEqual(["queued", 1, { failed: 0, lost: 2 }, undefined]);
    expect(world.sent.offers.at(-1)?.offer).toMatchObject({ runId: ref.runId, jobId: "one", fence: 1 });
    const second = await runningAt(deps, ref, { fence: 1 });
    expect(await completeJob(deps, second.claims, lastWord())).toEqual({ state: "succeeded" });
    expect((await runOf(deps, ref.runId)).state).toBe("succeeded");
    await expectStale(ref, () => completeJob(deps, claims, lastWord("failed")));
  });

  test("is not reaped one millisecond too early", async () => {
    const { ref } = await runningJob();
    pass(LEASE_TTL_MS);
    await expireLease(deps, await jobOf(deps, ref));
    expect((await jobOf(deps, ref)).state).toBe("running");
  });

  test("is refused its late words before anybody has reaped it, and nothing changes", async () => {
    const { ref, claims } = await runningJob();
    pass(LEASE_TTL_MS);
    await expectStale(ref, () => completeJob(deps, claims, lastWord()));
    await expectStale(ref, () => renewLease(deps, claims, PROGRESS));
    await expectStale(ref, () => ackLease(deps, claims));
  });

  test.each(OUTCOMES)("is refused a late %s after the job was granted again, and nothing changes", async (outcome) => {
    const { ref, claims } = await runningJob();
    pass(LEASE_TTL_MS + 1);
    await expireLease(deps, await jobOf(deps, ref));
    await expectStale(ref, () => completeJob(deps, claims, lastWord(outcome)));
    await runningAt(deps, ref, { fence: 1 });
    await expectStale(ref, () => completeJob(deps, claims, lastWord(outcome)));
    await expectStale(ref, () => renewLease(deps, claims, PROGRESS));
  });

  test("lets its holder say late that its processes are gone, which changes nothing of the next attempt", async () => {
    const { ref, claims } = await runningJob();
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
    await expectStale(refOf(runId), () => ackLease(deps, claims));
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
    const { ref, claims } = await runningJob();
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
    const { claims } = await runningJob();
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
    const { ref, claims } = await runningJob();
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
    await expectStale(ref, () => renewLease(deps, claims, PROGRESS));
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
      await expectStale(ref, () => completeJob(deps, claims, lastWord()));
      expect(await answerOf(ackCancel(deps, claims, undefined)), "its processes are gone").toBe("accepted");
    },
  );

  test("a job that nobody asked to stop refuses the word that it stopped", async () => {
    const { ref, claims } = await runningJob();
    expect(await answerOf(ackCancel(deps, claims, undefined))).toBe("conflict");
    expect((await jobOf(deps, ref)).state).toBe("running");
  });
});

describe("a last word", () => {
  test.each(OUTCOMES)("of %s, repeated, is acknowledged again and changes nothing", async (outcome) => {
    const { ref, claims } = await runningJob();
    const first = await completeJob(deps, claims, lastWord(outcome));
    const before = [await storedItem(world, jobKey(ref)), await storedItem(world, runKey(ref))];
    pass(1_000);
    expect(await completeJob(deps, claims, lastWord(outcome))).toEqual(first);
    expect(await completeJob(deps, claims, lastWord("failed"))).toEqual(first);
    expect([await storedItem(world, jobKey(ref)), await storedItem(world, runKey(ref))]).toEqual(before);
  });

  test("that allows a retry, repeated after the job was granted again, changes nothing of the new attempt", async () => {
    const { ref, claims } = await runningJob({ retries: { failed: 1, lost: 0 } });
    expect(await completeJob(deps, claims, lastWord("failed"))).toEqual({ state: "queued" });
    await runningAt(deps, ref, { fence: 1 });
    const before = await storedItem(world, jobKey(ref));
    expect(await completeJob(deps, claims, lastWord("failed"))).toEqual({ state: "running" });
    expect(await storedItem(world, jobKey(ref))).toEqual(before);
  });

  test("spends one of the user's retries for a failure or a timeout, and no loss", async () => {
    for (const outcome of ["failed", "timed_out"] as const) {
      const { ref, claims } = await runningJob({ retries: { failed: 1, lost: 2 } });
      await completeJob(deps, claims, lastWord(outcome));
      expect(await jobOf(deps, ref)).toMatchObject({ state: "queued", left: { failed: 0, lost: 2 } });
      const second = await runningAt(deps, ref, { fence: 1 });
      const state = outcome === "failed" ? "failed" : "timed_out";
      expect(await completeJob(deps, second.claims, lastWord(outcome))).toEqual({ state });
    }
  });

  test("fits its item after ten retries, each with the largest report that the protocol allows", async () => {
    const checks = Array.from({ length: CHECK_RESULTS_MAX }, (_, at) => {
      const [id, outcome, summary] = [`check-${at}`, "failed" as const, "s".repeat(1_000)];
      return { id, outcome, summary };
    });
    const losses = Array.from({ length: 16 }, () => "l".repeat(500));
    const artifacts = Array.from({ length: ARTIFACTS_PER_ATTEMPT_MAX }, (_, at) => {
      const kind = "archive" as const;
      return { name: `artifact-${at}`.padEnd(64, "x"), kind, bytes: 1, files: 1, sha256: "a".repeat(64) };
    });
    const failure = { class: "user" as const, message: "m".repeat(1_000) };
    const { runId } = await startRun(deps, planOf({ id: "one", retries: { failed: RETRIES_MAX, lost: 0 } }));
    for (let fence = 0; fence <= RETRIES_MAX; fence += 1) {
      const { claims } = await runningAt(deps, refOf(runId), { fence });
      await completeJob(deps, claims, lastWord("failed", { checks, losses, artifacts, failure }));
    }
    const job = await jobOf(deps, refOf(runId));
    expect(job.state).toBe("failed");
    const last = job.attempts[String(RETRIES_MAX + 1)]?.end;
    expect(last).toMatchObject({ checks, losses, artifacts, failure });
    expect(job.attempts["1"]?.end).toMatchObject({ losses, failure });
  });

  test("from another claim is refused, of whatever kind", async () => {
    const { ref, claims } = await runningJob();
    const stranger = { ...claims, claimId: "claim-of-a-stranger-1" };
    await expectStale(ref, () => completeJob(deps, stranger, lastWord()));
    await expectStale(ref, () => releaseJob(deps, stranger, "drain"));
    await expectStale(ref, () => ackCancel(deps, stranger, undefined));
    await expectStale(ref, () => renewLease(deps, stranger, PROGRESS));
    await expectStale(ref, () => ackLease(deps, stranger));
    await stopJob(deps, await jobOf(deps, ref), "cancel", world.clock.nowMs, CAUSE);
    await expectStale(ref, () => ackCancel(deps, stranger, undefined));
    await expectStale(ref, () => completeJob(deps, stranger, lastWord()));
  });

  test("of release gives the job back at once, is acknowledged again, and is not the user's failure", async () => {
    const { ref, claims } = await runningJob();
    expect(await releaseJob(deps, claims, "drain")).toEqual({ state: "queued" });
    const before = await storedItem(world, jobKey(ref));
    expect(await releaseJob(deps, claims, "drain")).toEqual({ state: "queued" });
    expect(await storedItem(world, jobKey(ref))).toEqual(before);
    expect(await jobOf(deps, ref)).toMatchObject({ state: "queued", left: { failed: 0, lost: 2 } });
    await expectStale(ref, () => completeJob(deps, claims, lastWord()));
  });

  test("of release with the loss budget spent loses the job", async () => {
    const { ref, claims } = await runningJob({ retries: { failed: 3, lost: 0 } });
    expect(await releaseJob(deps, claims, "runner_lost")).toEqual({ state: "lost" });
    expect((await runOf(deps, ref.runId)).state).toBe("errored");
  });
});

test("a heartbeat of a job whose run was canceled is told within one heartbeat", async () => {
  const { ref, claims } = await runningJob();
  await cancelRun(deps, ref, { actor: "test", reason: "enough" });
  expect((await renewLease(deps, claims, PROGRESS)).stop?.reason).toBe("cancel");
});
