import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jobMoves } from "../../shared/domain/job-moves.ts";
import { DEPENDENTS_INLINE_MAX, JOIN_WIDTH_MAX } from "../../shared/domain/limits.ts";
import { jobKey } from "../../shared/store/keys.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { createRun } from "../../shared/usecases/create-run.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { ackCancel, completeJob } from "../../shared/usecases/end-attempt.ts";
import { reconcileRun } from "../../shared/usecases/reconcile-run.ts";
import { driveToEnd, finalState, type Play } from "../support/drive.ts";
import { dyingAt } from "../support/faulty-deps.ts";
import {
  answerOf,
  claimAt,
  type JobWish,
  jobOf,
  lastWord,
  planOf,
  runningAt,
  runOf,
  startRun,
  tallied,
} from "../support/scenario.ts";
import { MINUTE_MS } from "../support/times.ts";
import { startWorld, type World } from "../support/world.ts";

let world: World;
let deps: Deps;
beforeAll(async () => {
  world = await startWorld();
  deps = world.deps;
});
afterAll(() => world.stop());

const names = (count: number, prefix = "j") => Array.from({ length: count }, (_, at) => `${prefix}${at}`);
const wide = (count: number): JobWish[] => names(count).map((id) => ({ id }));
const offersOf = (runId: string, jobId: string) =>
  world.sent.offers.filter(({ offer }) => offer.runId === runId && offer.jobId === jobId);
const statesOf = async (runId: string) => (await finalState(deps, runId)).jobs;

/** Ends all of the jobs at once. */
async function completeAll(runId: string, ids: readonly string[], outcome: Exclude<Play, "vanish"> = "succeeded") {
  const attempts = await Promise.all(ids.map((jobId) => runningAt(deps, { runId, jobId })));
  await Promise.all(attempts.map(({ claims }) => completeJob(deps, claims, lastWord(outcome))));
}

describe("fan-in", () => {
  test("of 20 concurrent completions frees the last job exactly once, in every round", async () => {
    for (let round = 0; round < 5; round += 1) {
      const sources = names(20);
      const { runId } = await startRun(deps, planOf(...wide(20), { id: "last", needs: sources }));
      await completeAll(runId, sources);
      expect(offersOf(runId, "last")).toHaveLength(1);
      const last = await jobOf(deps, { runId, jobId: "last" });
      expect([last.state, Object.keys(last.resolved).length]).toEqual(["queued", 20]);
      expect(Object.keys(last.history).filter((key) => key.endsWith(".enqueue"))).toHaveLength(1);
      await completeAll(runId, ["last"]);
      expect((await runOf(deps, runId)).state).toBe("succeeded");
    }
  });

  test("with one failure among concurrent completions skips the last job, and the run has failed", async () => {
    const { runId } = await startRun(deps, planOf(...wide(8), { id: "last", needs: names(8) }));
    await Promise.all([
      completeAll(runId, names(7)),
      runningAt(deps, { runId, jobId: "j7" }).then(({ claims }) => completeJob(deps, claims, lastWord("failed"))),
    ]);
    expect(await jobOf(deps, { runId, jobId: "last" })).toMatchObject({
      state: "skipped",
      reason: "it needs j7 (failed)",
    });
    expect((await runOf(deps, runId)).state).toBe("failed");
    expect(offersOf(runId, "last")).toEqual([]);
  });

  test("of two among three frees its job at the second success, and later outcomes change nothing", async () => {
    const needs = { atLeast: 2, of: names(3).map((need) => ({ need })) };
    const { runId } = await startRun(deps, planOf(...wide(3), { id: "last", needs }));
    await completeAll(runId, ["j0"], "failed");
    expect((await jobOf(deps, { runId, jobId: "last" })).state).toBe("waiting");
    await completeAll(runId, ["j1"]);
    await completeAll(runId, ["j2"]);
    expect((await jobOf(deps, { runId, jobId: "last" })).state).toBe("queued");
    expect(offersOf(runId, "last")).toHaveLength(1);
  });

  test("of a job called constructor waits for it", async () => {
    const { runId } = await startRun(deps, planOf({ id: "constructor" }, { id: "last", needs: ["constructor"] }));
    expect((await jobOf(deps, { runId, jobId: "last" })).state).toBe("waiting");
    await completeAll(runId, ["constructor"]);
    expect((await jobOf(deps, { runId, jobId: "last" })).state).toBe("queued");
  });
});

describe("a wide plan", () => {
  test("of 200 nodes closes exactly once, through its joins, and only after all nodes", async () => {
    const { runId } = await startRun(deps, planOf(...wide(200)));
    expect((await runOf(deps, runId)).open?.size).toBe(Math.ceil(200 / JOIN_WIDTH_MAX));
    await completeAll(runId, names(199));
    expect((await runOf(deps, runId)).state).toBe("live");
    await completeAll(runId, ["j199"]);
    const run = await runOf(deps, runId);
    expect([run.state, run.open, run.tally]).toEqual(["succeeded", undefined, { failed: 0, lost: 0 }]);
    expect(Object.keys(run.history)).toEqual(["0.succeed"]);
  });

  test("counts each failure below its joins once", async () => {
    const { runId } = await startRun(deps, planOf(...wide(130)));
    await completeAll(runId, names(65), "failed");
    await completeAll(runId, names(130).slice(65));
    const run = await runOf(deps, runId);
    expect([run.state, run.tally]).toEqual(["failed", { failed: 65, lost: 0 }]);
  });

  test("whose first job has more dependents than a job names frees each of them once, by reconcile", async () => {
    const dependents = names(DEPENDENTS_INLINE_MAX + 40, "d");
    const { runId } = await startRun(
      deps,
      planOf({ id: "first" }, ...dependents.map((id): JobWish => ({ id, needs: ["first"] }))),
    );
    expect((await jobOf(deps, { runId, jobId: "first" })).dependents).toBeUndefined();
    const run = await driveToEnd(world, runId);
    expect([run.state, run.tally]).toEqual(["succeeded", { failed: 0, lost: 0 }]);
    for (const jobId of dependents)
      expect(Object.keys((await jobOf(deps, { runId, jobId })).attempts), jobId).toEqual(["1"]);
  });

  test("of 1,000 jobs, larger than one transaction, is born whole and offered whole", async () => {
    const { runId } = await startRun(deps, planOf(...wide(1_000)));
    const { run, jobs, joins } = await deps.store.getRunItems({ tenant: "main", runId });
    expect([jobs.length, joins.length]).toEqual([1_000, Math.ceil(1_000 / JOIN_WIDTH_MAX)]);
    expect(run?.open).toEqual(new Set(joins.map(({ number }) => `JOIN#${number}`)));
    const hanging = joins.flatMap((join) => [...(join.open ?? [])]);
    expect(hanging.toSorted()).toEqual(jobs.map(({ jobId }) => `JOB#${jobId}`).toSorted());
    expect(world.sent.offers.filter(({ offer }) => offer.runId === runId)).toHaveLength(1_000);
    await completeAll(runId, ["j999"]);
    expect((await runOf(deps, runId)).state).toBe("live");
  });
});

describe("skips", () => {
  const chain = names(30, "c").map((id, at): JobWish => ({ id, ...(at === 0 ? {} : { needs: [`c${at - 1}`] }) }));

  test("cascade down a chain when its first job fails, and the run has failed", async () => {
    const { runId } = await startRun(deps, planOf(...chain));
    await completeAll(runId, ["c0"], "failed");
    const run = await driveToEnd(world, runId);
    expect([run.state, run.tally]).toEqual(["failed", { failed: 1, lost: 0 }]);
    expect(tallied(Object.values(await statesOf(runId)))).toEqual({ failed: 1, skipped: 29 });
  });

  test("cascade over a diamond, each job skipped once", async () => {
    const { runId } = await startRun(
      deps,
      planOf({ id: "top" }, { id: "l", needs: ["top"] }, { id: "r", needs: ["top"] }, { id: "end", needs: ["l", "r"] }),
    );
    await completeAll(runId, ["top"], "failed");
    expect(await statesOf(runId)).toEqual({ top: "failed", l: "skipped", r: "skipped", end: "skipped" });
    expect((await runOf(deps, runId)).state).toBe("failed");
  });
});

describe("case T1: a job whose need was canceled is canceled, not skipped,", () => {
  const needing = (needs: readonly string[]) =>
    planOf(...needs.map((id): JobWish => ({ id })), { id: "end", needs: [...needs] }, { id: "after", needs: ["end"] });

  /** Cancels `a` alone, as the runner that stopped it reports it. */
  async function cancelOne(runId: string): Promise<void> {
    const { claims } = await runningAt(deps, { runId, jobId: "a" });
    const key = jobKey({ tenant: "main", runId, jobId: "a" });
    const nowMs = world.clock.nowMs;
    const stop = { reason: "cancel", atMs: nowMs, deadlineMs: nowMs + MINUTE_MS };
    await deps.store.apply(jobMoves.stop, key, { nowMs, fence: claims.fence, stop }, { actor: "test" });
    await ackCancel(deps, claims, undefined);
  }

  test.each([
    ["a single one", ["a"]],
    ["one of two", ["a", "b"]],
  ])("%s", async (_, needs) => {
    const { runId } = await startRun(deps, needing(needs));
    if (needs.includes("b")) await completeAll(runId, ["b"]);
    await cancelOne(runId);
    expect(await statesOf(runId)).toMatchObject({ a: "canceled", end: "canceled", after: "canceled" });
  });

  test("beside one that failed, in either order", async () => {
    for (const first of ["a", "b"]) {
      const { runId } = await startRun(deps, needing(["a", "b"]));
      if (first === "a") await cancelOne(runId);
      await completeAll(runId, ["b"], "failed");
      if (first === "b") await cancelOne(runId);
      // What comes first decides it.
      expect((await statesOf(runId))["end"], `${first} first`).toBe(first === "a" ? "canceled" : "skipped");
    }
  });
});

describe("checks", () => {
  test("with five concurrent contributors become final once, by the last of them", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { runId } = await startRun(deps, planOf(...names(5).map((id): JobWish => ({ id, checks: ["unit"] }))));
      await completeAll(runId, names(5));
      const check = await deps.store.getCheck({ tenant: "main", runId }, "unit");
      expect(check).toMatchObject({ state: "final", outcome: "passed", remaining: 0, tally: { failed: 0, lost: 0 } });
      expect((await runOf(deps, runId)).state).toBe("succeeded");
    }
  });

  test("count one failed contributor once, however concurrent its siblings are", async () => {
    const { runId } = await startRun(deps, planOf(...names(4).map((id): JobWish => ({ id, checks: ["a", "b"] }))));
    await Promise.all([completeAll(runId, ["j0", "j1"], "failed"), completeAll(runId, ["j2", "j3"])]);
    expect(await finalState(deps, runId)).toMatchObject({
      run: "failed",
      tally: { failed: 2, lost: 0 },
      checks: { a: "failed", b: "failed" },
    });
  });

  test("take an explicit report over how the job ended", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one", checks: ["lint", "unit"] }));
    const { claims } = await runningAt(deps, { runId, jobId: "one" });
    await completeJob(deps, claims, lastWord("failed", { checks: [{ id: "lint", outcome: "passed" }] }));
    expect((await finalState(deps, runId)).checks).toEqual({ lint: "passed", unit: "failed" });
  });

  test("of a lost contributor are errored, and so is the run", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one", checks: ["unit"], retries: { failed: 0, lost: 0 } }));
    const run = await driveToEnd(world, runId, { playOf: () => "vanish" });
    expect(run.state).toBe("errored");
    expect((await finalState(deps, runId)).checks).toEqual({ unit: "errored" });
  });

  test("called constructor are checks like others", async () => {
    const { runId } = await startRun(deps, planOf({ id: "toString", checks: ["constructor"] }));
    await completeAll(runId, ["toString"]);
    expect(await finalState(deps, runId)).toMatchObject({ run: "succeeded", checks: { constructor: "passed" } });
  });
});

describe("a verdict", () => {
  const both = planOf({ id: "bad" }, { id: "gone", retries: { failed: 0, lost: 0 } });
  const play = (jobId: string): Play => (jobId === "bad" ? "failed" : "vanish");

  test("of failed beats errored", async () => {
    const { runId } = await startRun(deps, both);
    expect((await driveToEnd(world, runId, { playOf: play })).state).toBe("failed");
    expect((await runOf(deps, runId)).tally).toEqual({ failed: 1, lost: 1 });
  });

  test("does not count a failure or a loss that is allowed, and its dependents run", async () => {
    const wish = { allowFailure: true, retries: { failed: 0, lost: 0 } };
    const { runId } = await startRun(
      deps,
      planOf({ id: "bad", ...wish }, { id: "gone", ...wish }, { id: "next", needs: ["bad", "gone"] }),
    );
    const run = await driveToEnd(world, runId, { playOf: (id) => (id === "next" ? "succeeded" : play(id)) });
    expect(run.state).toBe("succeeded");
    expect(await statesOf(runId)).toEqual({ bad: "failed", gone: "lost", next: "succeeded" });
  });
});

describe("a cancel", () => {
  test("that races with completions ends every job once, and the run as canceled or as it had ended", async () => {
    for (let round = 0; round < 15; round += 1) {
      const { runId } = await startRun(deps, planOf(...wide(6), { id: "last", needs: names(6) }));
      const attempts = await Promise.all(names(4).map((jobId) => runningAt(deps, { runId, jobId })));
      await Promise.all([
        ...attempts.map(({ claims }) => completeJob(deps, claims, lastWord())),
        cancelRun(deps, { tenant: "main", runId }, { actor: "test" }),
      ]);
      for (const { claims } of attempts) await answerOf(ackCancel(deps, claims, undefined));
      expect((await driveToEnd(world, runId)).state).toBe("canceled");
      const { jobs, open } = await finalState(deps, runId);
      expect(open).toBeUndefined();
      expect(Object.values(jobs).filter((state) => state !== "succeeded" && state !== "canceled")).toEqual([]);
      expect(jobs).toMatchObject({ j4: "canceled", j5: "canceled", last: "canceled" });
    }
  });

  test("of an ended run changes nothing, and of an unknown run is refused", async () => {
    const { runId } = await startRun(deps, planOf({ id: "one" }));
    await completeAll(runId, ["one"]);
    const before = await runOf(deps, runId);
    await cancelRun(deps, { tenant: "main", runId }, { actor: "test" });
    expect(await runOf(deps, runId)).toEqual(before);
    const unknown = { tenant: "main", runId: "run_00000000000000000000000000" };
    expect(await answerOf(cancelRun(deps, unknown, { actor: "test" }))).toBe("not_found");
  });

  test("of jobs whose runner has died ends by the expiry of their leases", async () => {
    const { runId } = await startRun(deps, planOf(...wide(2)));
    await runningAt(deps, { runId, jobId: "j0" });
    await claimAt(deps, { runId, jobId: "j1" });
    await cancelRun(deps, { tenant: "main", runId }, { actor: "test" });
    expect(await statesOf(runId)).toEqual({ j0: "stopping", j1: "stopping" });
    expect((await driveToEnd(world, runId)).state).toBe("canceled");
    expect(await statesOf(runId)).toEqual({ j0: "canceled", j1: "canceled" });
  });

  test("of 300 jobs costs few ticks: each does many jobs", async () => {
    const { runId } = await startRun(deps, planOf(...wide(300)));
    world.sent.ticks.splice(0);
    await cancelRun(deps, { tenant: "main", runId }, { actor: "test" });
    for (let at = 0; at < world.sent.ticks.length; at += 1) await reconcileRun(deps, { tenant: "main", runId });
    expect((await runOf(deps, runId)).state).toBe("canceled");
    expect(world.sent.ticks.length).toBeLessThan(20);
  });
});

describe("an Idempotency-Key", () => {
  const body = (text: string) => ({
    project: "default",
    definition: { path: "p.yml", text },
    pipelinePath: ".baton/ci.yml",
    watch: false,
  });
  const small = body("pipeline: p\njobs: {a: {run: x}}\n");
  const large = body(
    `pipeline: p\njobs:\n${names(52)
      .map((id) => `  ${id}: {run: x}\n`)
      .join("")}`,
  );

  test.each([
    ["a small plan", small],
    ["a plan larger than one transaction", large],
  ])("used 20 times at once for %s makes one run", async (name, request) => {
    const requester = { principal: "token:a", idempotencyKey: `key of ${name}` };
    const made = await Promise.all(Array.from({ length: 20 }, () => createRun(deps, request, requester)));
    expect(new Set(made.map(({ run }) => run.runId)).size).toBe(1);
    expect(made.filter(({ replayed }) => !replayed)).toHaveLength(1);
  });

  test("asked with again for a large plan writes none of its nodes again", async () => {
    const requester = { principal: "token:a", idempotencyKey: "large, again" };
    const first = await createRun(deps, large, requester);
    const counted = dyingAt(deps, Number.POSITIVE_INFINITY, "before");
    expect((await createRun(counted.deps, large, requester)).run.runId).toBe(first.run.runId);
    expect(counted.writes()).toBe(0);
  });

  test("used for a different request is refused, and used by another caller is another key", async () => {
    const idempotencyKey = "twice";
    const first = await createRun(deps, small, { principal: "token:a", idempotencyKey });
    expect(await answerOf(createRun(deps, large, { principal: "token:a", idempotencyKey }))).toBe(
      "idempotency_mismatch",
    );
    const other = await createRun(deps, small, { principal: "token:b", idempotencyKey });
    expect(other.run.runId).not.toBe(first.run.runId);
  });

  test("is not that of a caller whose name and key only look the same when joined", async () => {
    const first = await createRun(deps, small, { principal: "token:a", idempotencyKey: "b#c" });
    const other = await createRun(deps, small, { principal: "token:a#b", idempotencyKey: "c" });
    expect(other.run.runId).not.toBe(first.run.runId);
  });
});
