import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ARTIFACTS_PER_ATTEMPT_MAX, CHECK_RESULTS_MAX, RETRIES_MAX } from "../../shared/domain/limits.ts";
import { jobKey, runKey } from "../../shared/store/keys.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { ackCancel, completeJob, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { ackLease, renewLease } from "../../shared/usecases/renew-lease.ts";
import { stopJob } from "../../shared/usecases/stop-jobs.ts";
import { expectStale, refOf, runningJob } from "../support/one-running-job.ts";
import { jobOf, lastWord, PROGRESS, planOf, runningAt, runOf, startRun, storedItem } from "../support/scenario.ts";
import { startWorld, type World } from "../support/world.ts";

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

describe("a last word", () => {
  test.each(OUTCOMES)("of %s, repeated, is acknowledged again and changes nothing", async (outcome) => {
    const { ref, claims } = await runningJob(world);
    const first = await completeJob(deps, claims, lastWord(outcome));
    const before = [await storedItem(world, jobKey(ref)), await storedItem(world, runKey(ref))];
    pass(1_000);
    expect(await completeJob(deps, claims, lastWord(outcome))).toEqual(first);
    expect(await completeJob(deps, claims, lastWord("failed"))).toEqual(first);
    expect([await storedItem(world, jobKey(ref)), await storedItem(world, runKey(ref))]).toEqual(before);
  });

  test("that allows a retry, repeated after the job was granted again, changes nothing of the new attempt", async () => {
    const { ref, claims } = await runningJob(world, { retries: { failed: 1, lost: 0 } });
    expect(await completeJob(deps, claims, lastWord("failed"))).toEqual({ state: "queued" });
    await runningAt(deps, ref, { fence: 1 });
    const before = await storedItem(world, jobKey(ref));
    expect(await completeJob(deps, claims, lastWord("failed"))).toEqual({ state: "running" });
    expect(await storedItem(world, jobKey(ref))).toEqual(before);
  });

  test("spends one of the user's retries for a failure or a timeout, and no loss", async () => {
    for (const outcome of ["failed", "timed_out"] as const) {
      const { ref, claims } = await runningJob(world, { retries: { failed: 1, lost: 2 } });
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
    const { ref, claims } = await runningJob(world);
    const stranger = { ...claims, claimId: "claim-of-a-stranger-1" };
    await expectStale(world, ref, () => completeJob(deps, stranger, lastWord()));
    await expectStale(world, ref, () => releaseJob(deps, stranger, "drain"));
    await expectStale(world, ref, () => ackCancel(deps, stranger, undefined));
    await expectStale(world, ref, () => renewLease(deps, stranger, PROGRESS));
    await expectStale(world, ref, () => ackLease(deps, stranger));
    await stopJob(deps, await jobOf(deps, ref), "cancel", world.clock.nowMs, CAUSE);
    await expectStale(world, ref, () => ackCancel(deps, stranger, undefined));
    await expectStale(world, ref, () => completeJob(deps, stranger, lastWord()));
  });

  test("of release gives the job back at once, is acknowledged again, and is not the user's failure", async () => {
    const { ref, claims } = await runningJob(world);
    expect(await releaseJob(deps, claims, "drain")).toEqual({ state: "queued" });
    const before = await storedItem(world, jobKey(ref));
    expect(await releaseJob(deps, claims, "drain")).toEqual({ state: "queued" });
    expect(await storedItem(world, jobKey(ref))).toEqual(before);
    expect(await jobOf(deps, ref)).toMatchObject({ state: "queued", left: { failed: 0, lost: 2 } });
    await expectStale(world, ref, () => completeJob(deps, claims, lastWord()));
  });

  test("of release with the loss budget spent loses the job", async () => {
    const { ref, claims } = await runningJob(world, { retries: { failed: 3, lost: 0 } });
    expect(await releaseJob(deps, claims, "runner_lost")).toEqual({ state: "lost" });
    expect((await runOf(deps, ref.runId)).state).toBe("errored");
  });
});
