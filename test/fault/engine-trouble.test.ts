import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { SPEC_INLINE_BYTES_MAX } from "../../shared/domain/limits.ts";
import { claimJob } from "../../shared/usecases/claim-job.ts";
import type { Deps } from "../../shared/usecases/deps.ts";
import { driveToEnd, finalState } from "../support/drive.ts";
import { newClaimId, planOf, startRun } from "../support/scenario.ts";
import { sessionOf, startWorld, type World } from "../support/world.ts";

/** Trouble between the store and its engine, injected below the SDK's client: the store's own retries must do. */

/** `nth`: of all requests. `again`: how often this very request was sent before, whatever others are on their way. */
type Trouble = (nth: number, again: number) => "throttle" | "lose the answer" | undefined;

let world: World;
let deps: Deps;
let trouble: Trouble = () => undefined;
let requests = 0;
const sent = new Map<string, number>();

beforeAll(async () => {
  world = await startWorld();
  deps = world.deps;
  world.client.middlewareStack.add(
    (next) => async (args) => {
      requests += 1;
      const request = inspect(args.input, { depth: null });
      const again = sent.get(request) ?? 0;
      sent.set(request, again + 1);
      const strikes = trouble(requests, again);
      if (strikes === "throttle") throw named("ThrottlingException", "slow down");
      const answer = await next(args);
      if (strikes === "lose the answer") throw named("ECONNRESET", "socket hang up");
      return answer;
    },
    { step: "finalizeRequest", name: "trouble", priority: "low" },
  );
});
afterEach(() => {
  trouble = () => undefined;
});
afterAll(() => world.stop());

const named = (name: string, message: string) => Object.assign(new Error(message), { name });
const PLAN = planOf({ id: "a" }, { id: "b", checks: ["unit"] }, { id: "c", needs: ["a", "b"], checks: ["unit"] });
const ENDED = {
  run: "succeeded",
  open: undefined,
  tally: { failed: 0, lost: 0 },
  jobs: { a: "succeeded", b: "succeeded", c: "succeeded" },
  checks: { unit: "passed" },
};

test("two of three requests throttled, reads too: nobody notices but by the time it takes", async () => {
  trouble = (_nth, again) => (again % 3 === 2 ? undefined : "throttle");
  const { runId } = await startRun(deps, PLAN);
  await driveToEnd(world, runId);
  expect(await finalState(deps, runId)).toEqual(ENDED);
});

test("every second answer lost after its write has landed: the state that is seen decides", async () => {
  trouble = (_nth, again) => (again % 2 === 0 ? "lose the answer" : undefined);
  const { runId } = await startRun(deps, PLAN);
  await driveToEnd(world, runId);
  expect(await finalState(deps, runId)).toEqual(ENDED);
  for (const job of (await deps.store.getRunItems({ tenant: "main", runId })).jobs)
    expect(Object.keys(job.attempts)).toEqual(["1"]);
});

test("a claim whose answer was lost is granted to the claim that had won", async () => {
  const { runId } = await startRun(deps, planOf({ id: "a" }));
  const from = requests;
  trouble = (nth) => (nth === from + 1 ? "lose the answer" : undefined);
  const claim = { runId, jobId: "a", claimId: newClaimId(), fence: 0 };
  expect((await claimJob(deps, sessionOf("r1"), claim)).fence).toBe(1);
});

test("throttling without an end is an error after a bounded number of requests", async () => {
  const { runId } = await startRun(deps, planOf({ id: "a" }));
  trouble = () => "throttle";
  const from = requests;
  await expect(deps.store.getRun({ tenant: "main", runId })).rejects.toThrow("slow down");
  expect(requests - from).toBeLessThanOrEqual(10);
});

test("specs that together outgrow one transaction are born in parts", async () => {
  const script = "x".repeat(SPEC_INLINE_BYTES_MAX - 1_000);
  const ids = Array.from({ length: 46 }, (_, at) => `j${at}`);
  const { runId } = await startRun(deps, planOf(...ids.map((id) => ({ id, script }))));
  const { run, jobs } = await deps.store.getRunItems({ tenant: "main", runId });
  expect([run?.state, jobs.length, (await deps.store.getSpecs({ tenant: "main", runId })).length]).toEqual([
    "live",
    46,
    46,
  ]);
});
