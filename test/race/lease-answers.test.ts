import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DomainError } from "../../shared/domain/errors.ts";
import { jobMoves } from "../../shared/domain/job-moves.ts";
import {
  JOB_TIMEOUT_MAX_MS,
  LEASE_TTL_MS,
  PLAN_TIMEOUT_MS,
  QUEUE_TIMEOUT_MS,
  RUN_TIMEOUT_MS,
  WATCH_MS,
} from "../../shared/domain/limits.ts";
import type { RunTrigger } from "../../shared/protocol/triggers.ts";
import { jobKey } from "../../shared/store/keys.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { createRun } from "../../shared/usecases/create-run.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { ackCancel, completeJob, expireLease, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { hintOutbox, hintPostponed } from "../../shared/usecases/hints.ts";
import { reconcileRun } from "../../shared/usecases/reconcile-run.ts";
import { ackLease, renewLease } from "../../shared/usecases/renew-lease.ts";
import {
  answerOf,
  claimAt,
  jobOf,
  lastWord,
  newClaimId,
  PROGRESS,
  planOf,
  runningAt,
  runOf,
  startRun,
} from "../support/scenario.ts";
import { MINUTE_MS, SECOND_MS } from "../support/times.ts";
import { sessionOf, startWorld, type World } from "../support/world.ts";

/** What holders are answered, what the history says, and what is counted: each by the public use cases. */

let world: World;
let deps: Deps;
/** Counts and times as they were told, but the offers and hints. */
const told: unknown[] = [];
const warned: unknown[] = [];

beforeAll(async () => {
  world = await startWorld();
  deps = {
    ...world.deps,
    metrics: {
      count: (name, value = 1, attributes = undefined) =>
        void (
          /Hint|Offers|RunsCreated/.test(name) || told.push(attributes ? [name, value, attributes] : [name, value])
        ),
      timing: (name, ms) => void told.push([name, ms]),
    },
    log: { info: () => undefined, warn: (message, fields) => void warned.push([message, fields]) },
  };
});
beforeEach(() => {
  told.splice(0);
  warned.splice(0);
});
afterAll(() => world.stop());

const one = planOf({ id: "one" });
const pass = (ms: number) => {
  world.clock.nowMs += ms;
};
const refOf = (runId: string, jobId = "one") => ({ tenant: "main", runId, jobId });
const tick = async (runId: string) =>
  reconcileRun(deps, { tenant: "main", runId, seq: (await runOf(deps, runId)).tickSeq });
const historyOf = async (runId: string, jobId = "one") => (await jobOf(deps, refOf(runId, jobId))).history;

async function refusalOf(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DomainError)) throw new Error("it was not refused", { cause: error });
  return [error.code, error.details?.["reason"], error.message];
}

describe("a grant", () => {
  test("is counted with how long the job has waited, a first one apart from one after a loss", async () => {
    const { runId } = await startRun(deps, one);
    pass(7_000);
    await claimAt(deps, refOf(runId));
    expect(told.splice(0)).toEqual([
      ["LeasesGranted", 1],
      ["QueueWaitMs", 7_000],
    ]);
    expect(await answerOf(claimAt(deps, refOf(runId)))).toBe("taken");
    expect(told.splice(0)).toEqual([["ClaimsRefused", 1]]);
    pass(LEASE_TTL_MS + 1);
    await expireLease(deps, await jobOf(deps, refOf(runId)));
    expect(told.splice(0)).toEqual([["LeasesLost", 1]]);
    pass(3_000);
    await claimAt(deps, refOf(runId), { fence: 1 });
    expect(told).toEqual([
      ["LeasesGranted", 1],
      ["RecoveryMs", 3_000],
    ]);
  });

  test("of another pool than the session's first is counted once, and its repeat not at all", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one", pool: "gpu" }));
    const claim = { claimId: newClaimId(), session: sessionOf("both", ["default", "gpu"]) };
    const { grant } = await claimAt(deps, refOf(runId), claim);
    expect(grant).toMatchObject({ pool: "gpu", attempt: 1, runId, jobId: "one", project: "default", pipeline: "test" });
    expect(told.splice(0)).toEqual([
      ["LeasesGranted", 1],
      ["QueueWaitMs", 0],
    ]);
    await claimAt(deps, refOf(runId), claim);
    expect(told).toEqual([]);
  });

  test("tells the job's timeout, as long as the run lasts, and an overtime after it at most", async () => {
    const { runId, createdAtMs } = await startRun(
      deps,
      planOf({ id: "one", timeoutMs: MINUTE_MS }, { id: "two", timeoutMs: JOB_TIMEOUT_MAX_MS }),
    );
    const claimId = newClaimId();
    const first = (await claimAt(deps, refOf(runId), { claimId })).grant;
    expect(first.timeoutMs).toBe(MINUTE_MS);
    expect(first.hardDeadlineInMs).toBeGreaterThan(MINUTE_MS);
    pass(10 * SECOND_MS);
    expect((await claimAt(deps, refOf(runId), { claimId })).grant.timeoutMs).toBe(50 * SECOND_MS);
    world.clock.nowMs = createdAtMs + RUN_TIMEOUT_MS - 5_000;
    const last = (await claimAt(deps, refOf(runId, "two"))).grant;
    expect([last.timeoutMs, last.hardDeadlineInMs <= JOB_TIMEOUT_MAX_MS]).toEqual([5_000, true]);
  });

  test("carries its trigger, and to a fork's job no secret's name", async () => {
    const trigger: RunTrigger = { event: "push", via: "webhook", occurredAtMs: 1, branch: "main", fork: false };
    const plan = planOf({ id: "one", secrets: ["KEY"] });
    const grantOf = async (change: Parameters<typeof startRun>[2]) => {
      const { runId } = await startRun(deps, plan, change);
      return (await claimAt(deps, refOf(runId))).grant;
    };
    const plain = await grantOf({});
    expect("trigger" in plain).toBe(false);
    expect(plain).toMatchObject({ secrets: ["KEY"] });
    expect("secretsWithheld" in plain).toBe(false);
    const pushed = await grantOf({ trigger });
    expect(pushed).toMatchObject({ trigger: { event: "push", branch: "main" }, secrets: ["KEY"] });
    const forked = await grantOf({ trigger: { ...trigger, fork: true } });
    expect(forked).toMatchObject({ secrets: [], secretsWithheld: "fork" });
  });

  test("says whether somebody watches, until that very moment", async () => {
    const { runId } = await startRun(deps, one);
    const watchedUntilMs = world.clock.nowMs + WATCH_MS;
    await deps.store.apply(jobMoves.watch, jobKey(refOf(runId)), { watchedUntilMs }, { actor: "somebody" });
    const claimId = newClaimId();
    expect((await claimAt(deps, refOf(runId), { claimId })).grant.watched).toBe(true);
    world.clock.nowMs = watchedUntilMs;
    expect((await claimAt(deps, refOf(runId), { claimId })).grant.watched).toBe(false);
  });

  test("is one an ephemeral session gets again, also while its job runs, and for no other fence", async () => {
    const { runId } = await startRun(deps, one);
    const claim = { claimId: newClaimId(), session: { ...sessionOf("brief"), ephemeral: true as const } };
    const first = await runningAt(deps, refOf(runId), claim);
    const again = await claimAt(deps, refOf(runId), claim);
    expect(again.grant.leaseToken).toBe(first.grant.leaseToken);
    for (const fence of [1, 2]) expect(await answerOf(claimAt(deps, refOf(runId), { ...claim, fence }))).toBe("taken");
    await releaseJob(deps, first.claims, "drain");
    expect(await answerOf(claimAt(deps, refOf(runId), claim))).toBe("taken");
  });
});

describe("a holder's call", () => {
  test("that is stale is told why, and counted", async () => {
    const { runId } = await startRun(deps, one);
    const { claims } = await runningAt(deps, refOf(runId));
    told.splice(0);
    const stranger = { ...claims, claimId: "claim-of-somebody-else" };
    const held = `attempt 1 of job one no longer holds the lease: the job is running at fence 1`;
    expect(await refusalOf(renewLease(deps, stranger, PROGRESS))).toEqual(["stale_lease", "unknown_lease", held]);
    expect(await refusalOf(renewLease(deps, { ...claims, fence: 2 }, PROGRESS))).toEqual([
      "stale_lease",
      "unknown_lease",
      "attempt 2 of job one no longer holds the lease: the job is running at fence 1",
    ]);
    expect(await refusalOf(renewLease(deps, { ...claims, jobId: "nobody" }, PROGRESS))).toEqual([
      "stale_lease",
      "unknown_lease",
      "there is no job nobody",
    ]);
    expect(told).toEqual([
      ["StaleCalls", 1],
      ["StaleCalls", 1],
      ["StaleCalls", 1],
    ]);
    world.clock.nowMs = (await jobOf(deps, refOf(runId))).lease?.expiresAtMs ?? 0;
    expect(await refusalOf(renewLease(deps, claims, PROGRESS))).toEqual(["stale_lease", "lease_expired", held]);
    pass(1);
    await expireLease(deps, await jobOf(deps, refOf(runId)));
    const again = await runningAt(deps, refOf(runId), { fence: 1 });
    const lost = "attempt 1 of job one no longer holds the lease: the job is running at fence 2";
    expect(await refusalOf(renewLease(deps, claims, PROGRESS))).toEqual(["stale_lease", "lease_expired", lost]);
    await releaseJob(deps, again.claims, "drain");
    await completeJob(deps, (await runningAt(deps, refOf(runId), { fence: 2 })).claims, lastWord());
    const ended = "job one has ended: succeeded";
    expect(await refusalOf(renewLease(deps, again.claims, PROGRESS))).toEqual(["stale_lease", "lease_expired", ended]);
  });

  test("before the first renewal is refused, and a repeat of that is answered with the rest", async () => {
    const { runId } = await startRun(deps, one);
    const { claims } = await claimAt(deps, refOf(runId));
    expect((await refusalOf(renewLease(deps, claims, PROGRESS)))[0]).toBe("conflict");
    expect((await refusalOf(ackCancel(deps, claims, undefined)))[0]).toBe("conflict");
    expect(await ackLease(deps, claims)).toEqual({ ttlMs: LEASE_TTL_MS, watched: false });
    pass(5_000);
    expect(await ackLease(deps, claims)).toEqual({ ttlMs: LEASE_TTL_MS - 5_000, watched: false });
    const { message } = (await renewLease(deps, claims, PROGRESS)
      .then(() => ackCancel(deps, claims, undefined))
      .catch((error: Error) => error)) as Error;
    expect(message).toBe("job one is running: it was not asked to stop, or not yet acknowledged");
  });

  test("of a stopping attempt is told to stop, and renewed up to its stop deadline only", async () => {
    const { runId } = await startRun(deps, one);
    const { claims } = await runningAt(deps, refOf(runId));
    await cancelRun(deps, { tenant: "main", runId }, { actor: "somebody" });
    const { stop } = await jobOf(deps, refOf(runId));
    const inMs = (stop?.deadlineMs ?? 0) - world.clock.nowMs;
    expect(await renewLease(deps, claims, PROGRESS)).toEqual({
      ttlMs: LEASE_TTL_MS,
      watched: false,
      stop: { reason: "cancel", inMs },
    });
    pass(LEASE_TTL_MS - 1_000);
    const later = await renewLease(deps, claims, PROGRESS);
    expect(later).toEqual({
      ttlMs: Math.min(LEASE_TTL_MS, Math.max(1_000, inMs - LEASE_TTL_MS + 1_000)),
      watched: false,
      stop: { reason: "cancel", inMs: Math.max(0, inMs - LEASE_TTL_MS + 1_000) },
    });
  });
});

describe("an end", () => {
  const ENDS = [
    ["succeeded", {}, [["JobsEnded", 1, { "cicd.pipeline.task.run.result": "success" }]], undefined],
    [
      "failed",
      { failure: { class: "user", message: "step 1 failed" } },
      [
        ["JobsEnded", 1, { "cicd.pipeline.task.run.result": "failure" }],
        ["Failures", 1],
      ],
      "step 1 failed",
    ],
    [
      "timed_out",
      {},
      [
        ["JobsEnded", 1, { "cicd.pipeline.task.run.result": "timeout" }],
        ["Failures", 1],
      ],
      undefined,
    ],
  ] as const;
  test.each(ENDS)(
    "that is %s is counted as such, and the history says who and why",
    async (outcome, change, counts, reason) => {
      const { runId } = await startRun(deps, one);
      const { claims } = await runningAt(deps, refOf(runId));
      told.splice(0);
      await completeJob(deps, claims, lastWord(outcome, change as never));
      const jobCounts = told.filter((entry) => !/^Run/.test(String((entry as unknown[])[0])));
      expect(jobCounts).toEqual(counts);
      const move = { succeeded: "succeed", failed: "fail", timed_out: "timeOut" }[outcome];
      const entry = (await historyOf(runId))[`1.${move}`];
      expect(entry).toEqual({
        atMs: world.clock.nowMs,
        actor: "runner:r1",
        ...(reason === undefined ? {} : { reason }),
      });
      told.splice(0);
      await completeJob(deps, claims, lastWord(outcome, change as never));
      expect(told).toEqual([]);
    },
  );

  test("of a canceled job is no failure, and one that is lost for good is one", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }, { id: "two", retries: { failed: 0, lost: 0 } }));
    const [first] = [await runningAt(deps, refOf(runId)), await runningAt(deps, refOf(runId, "two"))];
    told.splice(0);
    pass(LEASE_TTL_MS + 1);
    await expireLease(deps, await jobOf(deps, refOf(runId, "two")));
    const lost = [
      ["LeasesLost", 1],
      ["JobsEnded", 1, { "cicd.pipeline.task.run.result": "error" }],
      ["Failures", 1],
    ];
    expect(told.splice(0)).toEqual(lost);
    const reason = "the lease of runner r1 ran out";
    expect((await historyOf(runId, "two"))["1.expireSpent"]).toEqual({
      atMs: world.clock.nowMs,
      actor: "reconcile",
      reason,
    });
    await cancelRun(deps, { tenant: "main", runId }, { actor: "somebody" });
    await ackCancel(deps, first.claims, undefined);
    const canceled = ["JobsEnded", 1, { "cicd.pipeline.task.run.result": "cancellation" }];
    expect(
      told.filter(
        (entry) => String((entry as unknown[])[0]) !== "RunsEnded" && String((entry as unknown[])[0]) !== "RunMs",
      ),
    ).toEqual([canceled]);
    expect(await expireLease(deps, await jobOf(deps, refOf(runId, "two")))).toMatchObject({ state: "lost" });
  });

  test("by release says why: what broke it, or what the holder names", async () => {
    const { runId } = await startRun(deps, one);
    await releaseJob(deps, (await runningAt(deps, refOf(runId))).claims, "drain");
    const failure = { class: "tooling", message: "the disk is full" } as const;
    await releaseJob(deps, (await runningAt(deps, refOf(runId), { fence: 1 })).claims, "drain", { failure });
    const history = await historyOf(runId);
    expect([history["1.release"]?.reason, history["2.release"]?.reason]).toEqual(["drain", "the disk is full"]);
  });

  test("of a job whose queue deadline passed is lost, in words of its pool", async () => {
    const { runId } = await startRun(deps, one);
    pass(QUEUE_TIMEOUT_MS);
    await tick(runId);
    expect((await jobOf(deps, refOf(runId))).state).toBe("queued");
    pass(1);
    await tick(runId);
    expect(await jobOf(deps, refOf(runId))).toMatchObject({
      state: "lost",
      reason: "nobody in pool default claimed it before its queue deadline",
      result: { fence: 0, outcome: "lost" },
    });
    expect((await runOf(deps, runId)).state).toBe("errored");
  });
});

describe("a reconcile", () => {
  test("tells how late it is, and how long the oldest job has waited", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }, { id: "two" }, { id: "three" }));
    pass(2_000);
    await releaseJob(deps, (await runningAt(deps, refOf(runId, "two"))).claims, "drain");
    await runningAt(deps, refOf(runId, "three"));
    const { wakeAtMs = 0, createdAtMs } = await runOf(deps, runId);
    world.clock.nowMs = wakeAtMs + 500;
    told.splice(0);
    await tick(runId);
    expect(told.splice(0)).toEqual([
      ["ReconcileLagMs", 500],
      ["OldestOfferAgeMs", wakeAtMs + 500 - createdAtMs],
    ]);
    await reconcileRun(deps, { tenant: "main", runId, seq: 0 });
    expect(told).toEqual([["OldestOfferAgeMs", wakeAtMs + 500 - createdAtMs]]);
    expect(await reconcileRun(deps, { tenant: "main", runId: "run_nobody", seq: 0 })).toBeUndefined();
  });

  test("of no queued job tells of no offer's age", async () => {
    const { runId } = await startRun(deps, one);
    await runningAt(deps, refOf(runId));
    told.splice(0);
    await reconcileRun(deps, { tenant: "main", runId });
    expect(told).toEqual([]);
  });

  test("at the run's deadline counts its end, and tells its jobs why they stop", async () => {
    const { runId, createdAtMs } = await startRun(deps, planOf({ id: "one" }, { id: "two" }));
    await runningAt(deps, refOf(runId));
    told.splice(0);
    world.clock.nowMs = createdAtMs + RUN_TIMEOUT_MS + 1;
    await tick(runId);
    const reason = "the run's hard deadline has passed";
    expect(await runOf(deps, runId)).toMatchObject({ state: "timed_out", reason });
    expect(told.filter((entry) => /^Run/.test(String((entry as unknown[])[0])))).toEqual([
      ["RunsEnded", 1, { "cicd.pipeline.result": "timeout" }],
    ]);
    expect((await historyOf(runId, "two"))["0.cancel"]).toMatchObject({ actor: "reconcile", reason });
    told.splice(0);
    await tick(runId);
    expect(told.filter((entry) => /^Run/.test(String((entry as unknown[])[0])))).toEqual([]);
  });

  test("of a canceled run tells its jobs that it was canceled", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }, { id: "two", needs: ["one"] }));
    const dying: Deps = {
      ...deps,
      store: {
        ...deps.store,
        getRunItems: async () => {
          throw new Error("dies here");
        },
      },
    };
    await expect(cancelRun(dying, { tenant: "main", runId }, { actor: "somebody" })).rejects.toThrow("dies here");
    await tick(runId);
    expect((await historyOf(runId))["0.cancel"]).toMatchObject({ actor: "reconcile", reason: "the run was canceled" });
    expect((await runOf(deps, runId)).state).toBe("canceled");
  });

  test("that cannot serve several items says how many, one that cannot serve one does not", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }, { id: "two" }, { id: "three" }));
    pass(QUEUE_TIMEOUT_MS + 1);
    const lameOf = (...lame: readonly string[]): Deps => ({
      ...deps,
      store: {
        ...deps.store,
        apply: (move, key, args, cause) => {
          if (lame.some((jobId) => key.sk.endsWith(`#${jobId}`))) throw new Error(`cannot write ${key.sk}`);
          return deps.store.apply(move, key, args, cause);
        },
      },
    });
    const run = { tenant: "main", runId };
    await expect(reconcileRun(lameOf("one", "two"), run)).rejects.toThrow("cannot write");
    expect(warned).toEqual([["several of the run's items could not be served", { errors: 2 }]]);
    expect((await jobOf(deps, refOf(runId, "three"))).state).toBe("lost");
    warned.splice(0);
    await expect(reconcileRun(lameOf("one"), run)).rejects.toThrow("cannot write");
    expect(warned).toEqual([]);
  });

  test("whose run nobody planned in time says so", async () => {
    const body = {
      project: "default",
      source: { kind: "git", url: "https://forge.test/a.git", sha: "a".repeat(40) },
      pipelinePath: "x",
      watch: false,
    };
    const { run } = await createRun(deps, body as never, { principal: "token:test" });
    expect((await runOf(deps, run.runId)).state).toBe("planning");
    world.clock.nowMs += PLAN_TIMEOUT_MS;
    await tick(run.runId);
    expect((await runOf(deps, run.runId)).state).toBe("planning");
    world.clock.nowMs += 1;
    await tick(run.runId);
    expect(await runOf(deps, run.runId)).toMatchObject({
      state: "plan_failed",
      reason: "nobody could read its definition in time",
    });
  });
});

describe("a word that was lost", () => {
  test("at a queue is counted and said, and what was done stands", async () => {
    const counted: string[] = [];
    const broken = async () => Promise.reject(new Error("no queue"));
    const queues = { ...deps.queues, sendOffers: broken, sendTick: broken, sendPlan: broken, sendReport: broken };
    const metrics = { count: (name: string) => void counted.push(name), timing: () => undefined };
    const cut: Deps = { ...deps, queues: { ...queues, visibleOffers: broken }, metrics };
    const { runId } = await startRun(cut, one);
    expect((await jobOf(deps, refOf(runId))).state).toBe("queued");
    await hintOutbox(cut, { tenant: "main", runId }, 0);
    await hintPostponed(
      { ...cut, sendDelivery: broken },
      { tenant: "main", project: "app", forge: "github", deliveryId: "d" },
      0,
    );
    await cancelRun(cut, { tenant: "main", runId }, { actor: "somebody" });
    const said = ["offers", "a tick", "a report", "a delivery"].map(
      (what) => `could not send ${what}; sweep or reconcile will`,
    );
    for (const words of said) expect(warned).toContainEqual([words, { error: "no queue" }]);
    expect(counted.filter((name) => name === "HintsFailed").length).toBeGreaterThanOrEqual(4);
    expect((await runOf(deps, runId)).state).toBe("canceled");
  });

  test("of a queue's depth offers again, and is counted", async () => {
    const counted: string[] = [];
    const { runId } = await startRun(deps, one);
    pass(15 * SECOND_MS);
    const queues = { ...deps.queues, visibleOffers: async () => Promise.reject(new Error("no depth")) };
    const metrics = { count: (name: string) => void counted.push(name), timing: () => undefined };
    await reconcileRun({ ...deps, queues, metrics }, { tenant: "main", runId });
    expect(warned).toEqual([["could not measure the queue of pool default; offering again", { error: "no depth" }]]);
    expect(counted).toEqual(["HintsFailed", "OffersSent"]);
  });

  test("of a run's end that nobody can read any more is said when it is given up", async () => {
    const { runId, createdAtMs } = await startRun(deps, one);
    await runningAt(deps, refOf(runId));
    world.clock.nowMs = createdAtMs + RUN_TIMEOUT_MS + 1;
    await tick(runId);
    const key = jobKey(refOf(runId));
    await world.write({ ...(await world.read(key)), ...key, attempts: "garbage" });
    pass(61 * MINUTE_MS);
    await tick(runId);
    const words = "jobs of an ended run could not be ended; nobody looks any more";
    expect(warned).toEqual([[words, { run: runId }]]);
    expect((await runOf(deps, runId)).wakeAtMs).toBeUndefined();
  });
});

describe("what is asked again", () => {
  test("by a holder whose job was queued again since offers nothing", async () => {
    const { runId } = await startRun(deps, one);
    const first = await runningAt(deps, refOf(runId));
    await releaseJob(deps, first.claims, "drain");
    await releaseJob(deps, (await runningAt(deps, refOf(runId), { fence: 1 })).claims, "drain");
    const offers = world.sent.offers.length;
    await releaseJob(deps, first.claims, "drain");
    expect(world.sent.offers.length).toBe(offers);
  });

  test("by an attempt that failed, under the claim of the next, is refused as revoked", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one", retries: { failed: 1, lost: 0 } }));
    const claimId = newClaimId();
    const first = await runningAt(deps, refOf(runId), { claimId });
    await completeJob(deps, first.claims, lastWord("failed"));
    await runningAt(deps, refOf(runId), { fence: 1, claimId });
    expect((await refusalOf(renewLease(deps, first.claims, PROGRESS))).slice(0, 2)).toEqual([
      "stale_lease",
      "lease_revoked",
    ]);
  });

  test("of an ephemeral session at another fence than was offered costs it nothing", async () => {
    const { runId } = await startRun(deps, one);
    const session = { ...sessionOf("brief-2"), ephemeral: true as const };
    expect(await answerOf(claimAt(deps, refOf(runId), { session, fence: 1 }))).toBe("taken");
    expect(await answerOf(claimAt(deps, refOf(runId), { session }))).toBe("accepted");
  });
});

test("an end is kept with its log, a grant with its source, a cancel with its words", async () => {
  const source = { kind: "git", url: "https://forge.test/a.git", sha: "a".repeat(40) } as const;
  const { runId } = await startRun(deps, planOf({ id: "one" }, { id: "two", needs: ["one"] }), { source });
  const { grant, claims } = await runningAt(deps, refOf(runId));
  expect(grant.source).toEqual(source);
  await cancelRun(deps, { tenant: "main", runId }, { actor: "somebody" });
  expect(await runOf(deps, runId)).toMatchObject({ state: "canceling", reason: "canceled by request" });
  expect(await jobOf(deps, refOf(runId, "two"))).toMatchObject({ state: "canceled", reason: "canceled by request" });
  const { log } = lastWord();
  told.splice(0);
  pass(1_000);
  await ackCancel(deps, claims, log);
  const { attempts } = await jobOf(deps, refOf(runId));
  expect(attempts["1"]?.end).toMatchObject({ outcome: "canceled", log });
  const { createdAtMs } = await runOf(deps, runId);
  expect(told.filter((entry) => /^Run/.test(String((entry as unknown[])[0])))).toEqual([
    ["RunsEnded", 1, { "cicd.pipeline.result": "cancellation" }],
    ["RunMs", world.clock.nowMs - createdAtMs],
  ]);
});

test("what lies further ahead than a queue can wait is left to sweep", async () => {
  const delays: number[] = [];
  const queues = { ...deps.queues, sendReport: async (_ref: unknown, delayMs: number) => void delays.push(delayMs) };
  for (const delayMs of [0, 15 * MINUTE_MS, 15 * MINUTE_MS + 1])
    await hintOutbox({ ...deps, queues }, { tenant: "main", runId: "run_1" }, delayMs);
  expect(delays).toEqual([0, 15 * MINUTE_MS]);
});
