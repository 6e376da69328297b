import { expect } from "vitest";
import { jobKey, runKey } from "../../shared/store/keys.ts";
import { type Attempt, answerOf, type JobWish, planOf, runningAt, startRun, storedItem } from "./scenario.ts";
import type { World } from "./world.ts";

/** The job of a run that has no other. */
export const refOf = (runId: string) => ({ tenant: "main", runId, jobId: "one" });

/** A run of one job that is running. */
export async function runningJob(
  { deps }: World,
  wish: Partial<JobWish> = {},
): Promise<Attempt & { ref: ReturnType<typeof refOf> }> {
  const { runId } = await startRun(deps, planOf({ id: "one", ...wish }));
  const ref = refOf(runId);
  return { ref, ...(await runningAt(deps, ref)) };
}

/** Does the call and asserts that it is refused as stale, with nothing changed, byte for byte. */
export async function expectStale(
  world: World,
  ref: ReturnType<typeof refOf>,
  call: () => Promise<unknown>,
): Promise<void> {
  const before = [await storedItem(world, jobKey(ref)), await storedItem(world, runKey(ref))];
  expect(await answerOf(call())).toBe("stale_lease");
  expect([await storedItem(world, jobKey(ref)), await storedItem(world, runKey(ref))]).toEqual(before);
}
