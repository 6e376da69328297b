import { afterAll, beforeAll, expect, test } from "vitest";
import { LEASE_TTL_MS, RUN_TIMEOUT_MS } from "../../shared/domain/limits.ts";
import { jobKey } from "../../shared/store/keys.ts";
import { completeJob, expireLease, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { renewLease } from "../../shared/usecases/renew-lease.ts";
import {
  answerOf,
  claimAt,
  jobOf,
  lastWord,
  newClaimId,
  PROGRESS,
  planOf,
  runningAt,
  startRun,
  storedItem,
  tallied,
} from "../support/scenario.ts";
import { sessionOf, startWorld, type World } from "../support/world.ts";

const CONTENDERS = 50;
const ROUNDS = 100;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const one = planOf({ id: "one" });
const contenders = (count: number) => Array.from({ length: count }, (_, at) => sessionOf(`r${at}`));
const refOf = (runId: string) => ({ tenant: "main", runId, jobId: "one" });

test(`${CONTENDERS} contenders reach for one job: one holds it, the others are told that it is taken (${ROUNDS} rounds)`, async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { runId } = await startRun(world.deps, one);
    const answers = await Promise.all(
      contenders(CONTENDERS).map((session) => answerOf(claimAt(world.deps, refOf(runId), { session }))),
    );
    expect(tallied(answers)).toEqual({ accepted: 1, taken: CONTENDERS - 1 });
    const job = await jobOf(world.deps, refOf(runId));
    expect([job.state, job.fence, Object.keys(job.attempts)]).toEqual(["leased", 1, ["1"]]);
  }
});

test("the same claim, sent ten times at once, gets one and the same grant", async () => {
  const { runId } = await startRun(world.deps, one);
  const claimId = newClaimId();
  const grants = await Promise.all(
    Array.from({ length: 10 }, async () => (await claimAt(world.deps, refOf(runId), { claimId })).grant),
  );
  expect(new Set(grants.map((grant) => grant.leaseToken)).size).toBe(1);
  expect(new Set(grants.map((grant) => grant.fence))).toEqual(new Set([1]));
  expect((await jobOf(world.deps, refOf(runId))).fence).toBe(1);
});

test("the same claim gets the same grant while the attempt lives, with what is left of the lease", async () => {
  const { runId } = await startRun(world.deps, one);
  const claimId = newClaimId();
  const first = await runningAt(world.deps, refOf(runId), { claimId });
  world.clock.nowMs += 20_000;
  const again = await claimAt(world.deps, refOf(runId), { claimId });
  expect(again.grant.leaseToken).toBe(first.grant.leaseToken);
  expect(again.grant.ttlMs).toBe(LEASE_TTL_MS - 20_000);
  expect(again.grant.hardDeadlineInMs).toBe(first.grant.hardDeadlineInMs - 20_000);
});

test("a duplicate of a claim that arrives late never takes a later fence", async () => {
  const { runId } = await startRun(world.deps, one);
  const claimId = newClaimId();
  const first = await runningAt(world.deps, refOf(runId), { claimId });
  await releaseJob(world.deps, first.claims, "drain");
  const queued = await storedItem(world, jobKey(refOf(runId)));
  expect(await answerOf(claimAt(world.deps, refOf(runId), { claimId }))).toBe("taken");
  expect(await storedItem(world, jobKey(refOf(runId)))).toEqual(queued);
  await claimAt(world.deps, refOf(runId), { fence: 1 });
  const held = await storedItem(world, jobKey(refOf(runId)));
  expect(await answerOf(claimAt(world.deps, refOf(runId), { claimId }))).toBe("taken");
  expect(await storedItem(world, jobKey(refOf(runId)))).toEqual(held);
});

test("a claim that was used at an earlier fence takes none at a later one by its old answer", async () => {
  const { runId } = await startRun(world.deps, one);
  const claimId = newClaimId();
  const first = await runningAt(world.deps, refOf(runId), { claimId });
  await releaseJob(world.deps, first.claims, "drain");
  const second = await claimAt(world.deps, refOf(runId), { fence: 1, claimId });
  expect(second.grant.fence).toBe(2);
  expect(await answerOf(claimAt(world.deps, refOf(runId), { fence: 0, claimId }))).toBe("taken");
  expect(await answerOf(renewLease(world.deps, first.claims, PROGRESS))).toBe("stale_lease");
});

test.each([1, 7])("a claim with a fence that was not offered (%s) is refused", async (fence) => {
  const { runId } = await startRun(world.deps, one);
  expect(await answerOf(claimAt(world.deps, refOf(runId), { fence }))).toBe("taken");
  expect((await jobOf(world.deps, refOf(runId))).state).toBe("queued");
});

test("a session cannot claim from a pool that it does not serve", async () => {
  const { runId } = await startRun(world.deps, planOf({ id: "one", pool: "gpu" }));
  const before = await storedItem(world, jobKey(refOf(runId)));
  expect(await answerOf(claimAt(world.deps, refOf(runId)))).toBe("forbidden");
  expect(await storedItem(world, jobKey(refOf(runId)))).toEqual(before);
  const session = sessionOf("both", ["default", "gpu"]);
  expect((await claimAt(world.deps, refOf(runId), { session })).grant.fence).toBe(1);
});

test("nothing is granted past the run's deadline: the offer may be deleted", async () => {
  const { runId, createdAtMs } = await startRun(world.deps, one);
  world.clock.nowMs = createdAtMs + RUN_TIMEOUT_MS;
  expect(await answerOf(claimAt(world.deps, refOf(runId)))).toBe("gone");
  expect((await jobOf(world.deps, refOf(runId))).state).toBe("queued");
});

test("a job that has ended, and one that never was, are gone", async () => {
  const { runId } = await startRun(world.deps, one);
  const { claims } = await runningAt(world.deps, refOf(runId));
  await completeJob(world.deps, claims, lastWord());
  expect(await answerOf(claimAt(world.deps, refOf(runId), { fence: 1 }))).toBe("gone");
  expect(await answerOf(claimAt(world.deps, { runId, jobId: "nobody" }))).toBe("gone");
  expect(await answerOf(claimAt(world.deps, { runId: "run_00000000000000000000000000", jobId: "one" }))).toBe("gone");
});

test("fences grow by one with each grant, and each attempt keeps its own entry", async () => {
  const { runId } = await startRun(world.deps, one);
  for (const fence of [0, 1, 2]) {
    const { grant } = await claimAt(world.deps, refOf(runId), { fence });
    expect([grant.fence, grant.attempt]).toEqual([fence + 1, fence + 1]);
    world.clock.nowMs += LEASE_TTL_MS + 1;
    await expireLease(world.deps, await jobOf(world.deps, refOf(runId)));
  }
  const { attempts, left } = await jobOf(world.deps, refOf(runId));
  expect(Object.values(attempts).map(({ end }) => end?.outcome)).toEqual(["lost", "lost", "lost"]);
  expect(left).toEqual({ failed: 0, lost: 0 });
});
