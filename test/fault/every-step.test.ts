import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isRunEnded } from "../../shared/domain/verdict.ts";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { createRun } from "../../shared/usecases/create-run.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { completeJob, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { planRun } from "../../shared/usecases/plan-run.ts";
import { reconcileRun } from "../../shared/usecases/reconcile-run.ts";
import { rerunRun } from "../../shared/usecases/rerun-run.ts";
import { stopJob } from "../../shared/usecases/stop-jobs.ts";
import { driveToEnd, finalState, INJECTED, injectedFault, type Play } from "../support/drive.ts";
import { dyingAt, failingSome, type Moment, muteQueues, writingTwice } from "../support/faulty-deps.ts";
import { jobOf, lastWord, runningAt, runOf } from "../support/scenario.ts";
import { MINUTE_MS } from "../support/times.ts";
import { startWorld, type World } from "../support/world.ts";

/**
 * Each step of each use case is failed once, before and after it has landed, and the process is dead from there on. Then
 * only messages, sweeps and time go on: the run must come to the very end that it comes to without a fault.
 */

let world: World;
let deps: Deps;
beforeAll(async () => {
  world = await startWorld();
  deps = { ...world.deps, readDefinition: async () => PIPELINE };
});
beforeEach(() => {
  world.sent.offers.splice(0);
  world.sent.ticks.splice(0);
  world.sent.plans.splice(0);
});
afterAll(() => world.stop());

/** Fan-out, fan-in, two checks with several contributors, an allowed failure and a skip. */
const PIPELINE = `
pipeline: every-step
jobs:
  build: {run: x, checks: [ready]}
  unit: {run: x, needs: build, checks: [tests, ready]}
  e2e: {run: x, needs: build, checks: [tests]}
  flaky: {run: x, needs: build, allow_failure: true}
  pack: {run: x, needs: [unit, flaky]}
  ship: {run: x, needs: [pack, e2e]}
`;
const playOf = (jobId: string): Play => (jobId === "e2e" || jobId === "flaky" ? "failed" : "succeeded");
const ENDED = {
  run: "failed",
  open: undefined,
  tally: { failed: 1, lost: 0 },
  jobs: { build: "succeeded", unit: "succeeded", e2e: "failed", flaky: "failed", pack: "succeeded", ship: "skipped" },
  checks: { ready: "passed", tests: "failed" },
};

const BODY = {
  project: "default",
  definition: { path: "p.yml", text: PIPELINE },
  pipelinePath: ".baton/ci.yml",
  watch: false,
};
const SOURCE = { kind: "git" as const, url: "/repo", sha: "d".repeat(40) };
const PLANNED = { project: "default", source: SOURCE, pipelinePath: ".baton/ci.yml", watch: false };
const WHO = { principal: "token:test" };
const ref = (runId: string) => ({ tenant: "main", runId });
const created = async (body: Parameters<typeof createRun>[1] = BODY) => (await createRun(deps, body, WHO)).run.runId;

async function complete(runId: string, ...jobIds: string[]): Promise<void> {
  for (const jobId of jobIds) {
    const { claims } = await runningAt(deps, { runId, jobId });
    await completeJob(deps, claims, lastWord(playOf(jobId) === "failed" ? "failed" : "succeeded"));
  }
}

/** What stands before the fault, what the fault strikes, and where all must end. */
interface Scenario {
  readonly name: string;
  readonly prepare: () => Promise<{ runId: string; act: (by: Deps) => Promise<unknown> }>;
  readonly ends: object;
  /** Asked for again by whoever saw it fail, where nothing of it had landed. */
  readonly repeat?: (runId: string) => Promise<unknown>;
}

const completing = (jobId: string, ...before: string[]): Scenario => ({
  name: `the completion of ${jobId}`,
  prepare: async () => {
    const runId = await created();
    await complete(runId, ...before);
    const { claims } = await runningAt(deps, { runId, jobId });
    return {
      runId,
      act: (by) => completeJob(by, claims, lastWord(playOf(jobId) === "failed" ? "failed" : "succeeded")),
    };
  },
  ends: ENDED,
});

const SCENARIOS: readonly Scenario[] = [
  completing("build"),
  completing("unit", "build", "e2e", "flaky"),
  completing("e2e", "build", "unit", "flaky", "pack"),
  completing("pack", "build", "unit", "flaky", "e2e"),
  {
    name: "a release",
    prepare: async () => {
      const runId = await created();
      const { claims } = await runningAt(deps, { runId, jobId: "build" });
      return { runId, act: (by) => releaseJob(by, claims, "drain") };
    },
    ends: ENDED,
  },
  {
    name: "the planning of a run",
    prepare: async () => {
      const runId = await created(PLANNED);
      world.sent.plans.splice(0);
      return { runId, act: (by) => planRun(by, ref(runId)) };
    },
    ends: ENDED,
  },
  {
    name: "a cancel",
    prepare: async () => {
      const runId = await created();
      await complete(runId, "build");
      await runningAt(deps, { runId, jobId: "unit" });
      return { runId, act: (by) => cancelRun(by, ref(runId), { actor: "test" }) };
    },
    repeat: (runId) => cancelRun(deps, ref(runId), { actor: "test" }),
    ends: {
      run: "canceled",
      jobs: {
        build: "succeeded",
        unit: "canceled",
        e2e: "canceled",
        flaky: "canceled",
        pack: "canceled",
        ship: "canceled",
      },
    },
  },
  {
    name: "a reconcile that finds expired leases, ended jobs that were never settled, and a timeout",
    prepare: async () => {
      const runId = await created();
      const build = await runningAt(deps, { runId, jobId: "build" });
      await completeJob(dyingAt(deps, 1, "after").deps, build.claims, lastWord()).catch(swallowInjected);
      await reconcileRun(deps, ref(runId));
      await runningAt(deps, { runId, jobId: "unit" });
      const e2e = await runningAt(deps, { runId, jobId: "e2e" });
      await completeJob(dyingAt(deps, 1, "after").deps, e2e.claims, lastWord("failed")).catch(swallowInjected);
      world.clock.nowMs += MINUTE_MS;
      return { runId, act: (by) => reconcileRun(by, { ...ref(runId), seq: 0 }) };
    },
    ends: ENDED,
  },
];

function swallowInjected(error: unknown): void {
  if (!(error instanceof Error) || error.name !== INJECTED) throw error;
}

describe.each(SCENARIOS)("$name", ({ prepare, ends, repeat }) => {
  test.each<Moment>(["before", "after"])("may die %s every single one of its writes", async (moment) => {
    let died = true;
    let nth = 1;
    for (; died; nth += 1) {
      expect(nth).toBeLessThan(100);
      const { runId, act } = await prepare();
      world.sent.offers.splice(0);
      const faulty = dyingAt(deps, nth, moment);
      await act(faulty.deps).catch(swallowInjected);
      died = faulty.writes() >= nth;
      if (nth === 1 && moment === "before" && repeat !== undefined) await repeat(runId);
      const run = await driveToEnd(world, runId, { deps, playOf });
      expect(isRunEnded(run.state)).toBe(true);
      expect(await finalState(deps, runId), `died ${moment} write ${nth}`).toMatchObject(ends);
    }
    expect(nth, "it does write").toBeGreaterThan(2);
  });
});

describe("the birth of a run", () => {
  const many = `pipeline: many\njobs:\n${Array.from({ length: 60 }, (_, at) => `  j${at}: {run: x}\n`).join("")}`;
  const large = { ...BODY, definition: { path: "p.yml", text: many } };

  test.each([
    ["of a small plan", BODY],
    ["of a plan larger than one transaction", large],
    ["that must be planned", PLANNED],
  ])("%s may die at every write: asked for again with its key, it is one run that ends", async (name, body) => {
    for (const moment of ["before", "after"] as const) {
      let died = true;
      for (let nth = 1; died; nth += 1) {
        const requester = { ...WHO, idempotencyKey: `${name} ${moment} ${nth}` };
        const faulty = dyingAt(deps, nth, moment);
        await createRun(faulty.deps, body, requester).catch(swallowInjected);
        died = faulty.writes() >= nth;
        world.sent.offers.splice(0);
        const { run } = await createRun(deps, body, requester);
        expect((await createRun(deps, body, requester)).run.runId).toBe(run.runId);
        if (body === large) expect(Object.keys((await finalState(deps, run.runId)).jobs)).toHaveLength(60);
        else {
          await driveToEnd(world, run.runId, { deps, playOf });
          expect(await finalState(deps, run.runId)).toEqual(ENDED);
        }
      }
    }
  });

  test("that dies before its commit has offered nothing, and there is no run", async () => {
    const faulty = dyingAt(deps, 2, "before");
    await expect(createRun(faulty.deps, large, WHO)).rejects.toThrow("injected");
    expect(world.sent.offers).toEqual([]);
  });

  test("with a bucket that refuses large specs makes no run, and offers nothing", async () => {
    const script = "x".repeat(60_000);
    const text = `jobs: {a: {steps: [{run: ${script}}, {run: ${script}}]}}`;
    const broken: Deps = {
      ...deps,
      bucket: {
        ...deps.bucket,
        put: async () => {
          throw injectedFault("the bucket is down");
        },
      },
    };
    const body = { ...BODY, definition: { path: "p.yml", text } };
    await expect(createRun(broken, body, WHO)).rejects.toThrow("the bucket is down");
    expect(world.sent.offers).toEqual([]);
    const { run } = await createRun(deps, body, WHO);
    expect((await driveToEnd(world, run.runId, { deps })).state).toBe("succeeded");
  });

  test("as a rerun may die at every write, and the old run stays as it was", async () => {
    const runId = await created();
    await driveToEnd(world, runId, { deps, playOf });
    const before = await deps.store.getRunItems(ref(runId));
    for (const moment of ["before", "after"] as const) {
      const faulty = dyingAt(deps, 1, moment);
      const wanted = { ...ref(runId), only: "failed" as const, watch: false };
      const requester = { ...WHO, idempotencyKey: `rerun ${moment}` };
      await rerunRun(faulty.deps, wanted, requester).catch(swallowInjected);
      const { run } = await rerunRun(deps, wanted, requester);
      await driveToEnd(world, run.runId, { deps, playOf });
      expect(await finalState(deps, run.runId)).toEqual(ENDED);
    }
    expect(await deps.store.getRunItems(ref(runId))).toEqual(before);
  });
});

describe("a run comes to the same end", () => {
  test("with every write sent twice, and only the second answer seen", async () => {
    const { run } = await createRun(writingTwice(deps), BODY, WHO);
    await driveToEnd(world, run.runId, { deps: writingTwice(deps), playOf });
    expect(await finalState(deps, run.runId)).toEqual(ENDED);
  });

  test("with every message delivered three times", async () => {
    const runId = await created();
    const thrice = <T>(all: T[]) => all.push(...all, ...all);
    thrice(world.sent.offers);
    thrice(world.sent.ticks);
    const tripled: Deps = {
      ...deps,
      queues: {
        ...deps.queues,
        sendOffers: (offers) => deps.queues.sendOffers([...offers, ...offers, ...offers]),
        sendTick: async (tick, delayMs) => {
          for (let copy = 0; copy < 3; copy += 1) await deps.queues.sendTick(tick, delayMs);
        },
      },
    };
    await driveToEnd(world, runId, { deps: tripled, playOf });
    expect(await finalState(deps, runId)).toEqual(ENDED);
    for (const job of (await deps.store.getRunItems(ref(runId))).jobs)
      expect(Object.keys(job.attempts).length, job.jobId).toBe(job.state === "skipped" ? 0 : 1);
  });

  test.each([1, 2, 3, 4, 5, 6])("with three writes in ten failing, for ever (seed %s)", async (seed) => {
    const draw = drawsFrom(seed);
    const runId = await created();
    await driveToEnd(world, runId, { deps: failingSome(deps, () => draw() < 0.3), playOf });
    expect(await finalState(deps, runId)).toEqual(ENDED);
  });

  test("with queues that never take a message, by calls and reconciles alone", async () => {
    const mute = muteQueues(deps);
    const { run } = await createRun(mute, BODY, WHO);
    for (const jobId of ["build", "unit", "e2e", "flaky", "pack"]) {
      await reconcileRun(mute, { ...ref(run.runId), seq: (await runOf(deps, run.runId)).tickSeq });
      const { claims } = await runningAt(mute, { runId: run.runId, jobId });
      await completeJob(mute, claims, lastWord(playOf(jobId) === "failed" ? "failed" : "succeeded"));
    }
    expect(await finalState(deps, run.runId)).toEqual(ENDED);
    expect(world.counted.get("HintsFailed")).toBeGreaterThan(0);
  });

  test("when a timeout and a cancel race for a job whose runner has died", async () => {
    const runId = await created();
    await runningAt(deps, { runId, jobId: "build" });
    const seen = await jobOf(deps, { runId, jobId: "build" });
    await Promise.all([
      cancelRun(deps, ref(runId), { actor: "test" }),
      stopJob(deps, seen, "timeout", world.clock.nowMs, { actor: "test" }),
    ]);
    expect((await driveToEnd(world, runId, { deps })).state).toBe("canceled");
    const { jobs } = await finalState(deps, runId);
    expect(["canceled", "timed_out"]).toContain(jobs["build"]);
    expect(jobs["ship"]).toBe("canceled");
  });
});

/** Numbers in [0, 1) that the seed decides (a linear congruential generator, Numerical Recipes' constants). */
function drawsFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
