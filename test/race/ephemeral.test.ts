import { afterAll, beforeAll, expect, test } from "vitest";
import { DomainError } from "../../shared/domain/errors.ts";
import { completeJob } from "../../shared/usecases/end-attempt.ts";
import type { SessionClaims } from "../../shared/usecases/lease-token.ts";
import {
  answerOf,
  claimAt,
  jobOf,
  lastWord,
  newClaimId,
  planOf,
  runningAt,
  startRun,
  tallied,
} from "../support/scenario.ts";
import { sessionOf, startWorld, type World } from "../support/world.ts";

let world: World;
let sessions = 0;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

function ephemeral(): SessionClaims {
  sessions += 1;
  return { ...sessionOf(`ephemeral-${sessions}`), ephemeral: true };
}
const one = planOf({ id: "one" });
async function newJob() {
  const { runId } = await startRun(world.deps, one);
  return { tenant: "main", runId, jobId: "one" };
}

test("SECURITY 23: of ten jobs that an ephemeral session reaches for at once it gets one (30 rounds)", async () => {
  for (let round = 0; round < 30; round += 1) {
    const session = ephemeral();
    const jobs = await Promise.all(Array.from({ length: 10 }, newJob));
    const answers = await Promise.all(jobs.map((job) => answerOf(claimAt(world.deps, job, { session }))));
    expect(tallied(answers)).toEqual({ accepted: 1, unauthorized: 9 });
    const states = await Promise.all(jobs.map(async (job) => (await jobOf(world.deps, job)).state));
    expect(states.filter((state) => state === "leased")).toHaveLength(1);
  }
});

test("SECURITY 23: a second claim of the same job is a second job's", async () => {
  const session = ephemeral();
  const job = await newJob();
  const first = await runningAt(world.deps, job, { session });
  expect(await answerOf(claimAt(world.deps, job, { session, fence: 1 }))).not.toBe("accepted");
  await completeJob(world.deps, first.claims, lastWord("succeeded"));
  expect(await answerOf(claimAt(world.deps, await newJob(), { session }))).toBe("unauthorized");
});

test("a lost answer costs an ephemeral session nothing: the same claim gets the same grant", async () => {
  const session = ephemeral();
  const job = await newJob();
  const claimId = newClaimId();
  const grants = await Promise.all(
    Array.from({ length: 5 }, async () => (await claimAt(world.deps, job, { session, claimId })).grant.leaseToken),
  );
  expect(new Set(grants).size).toBe(1);
});

test("a job that another holds, or that has ended, does not spend an ephemeral session", async () => {
  const session = ephemeral();
  const held = await newJob();
  await claimAt(world.deps, held, {});
  const ended = await newJob();
  const { claims } = await runningAt(world.deps, ended, {});
  await completeJob(world.deps, claims, lastWord("succeeded"));
  expect(await answerOf(claimAt(world.deps, held, { session }))).toBe("taken");
  expect(await answerOf(claimAt(world.deps, ended, { session }))).toBe("gone");
  expect(await answerOf(claimAt(world.deps, { ...held, jobId: "none" }, { session }))).toBe("gone");
  expect(await answerOf(claimAt(world.deps, await newJob(), { session }))).toBe("accepted");
});

test("SECURITY 23: after its job has ended, the same claim again does not free the session for another", async () => {
  const session = ephemeral();
  const job = await newJob();
  const claimId = newClaimId();
  const { claims } = await runningAt(world.deps, job, { session, claimId });
  await completeJob(world.deps, claims, lastWord("succeeded"));
  await expect(claimAt(world.deps, job, { session, claimId })).rejects.toThrow(DomainError);
  expect(await answerOf(claimAt(world.deps, await newJob(), { session }))).toBe("unauthorized");
});
