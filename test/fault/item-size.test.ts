import { afterAll, beforeAll, expect, test } from "vitest";
import type { Item } from "../../shared/domain/item.ts";
import { RETRIES_MAX } from "../../shared/domain/limits.ts";
import { type Completion, completeBody } from "../../shared/protocol/products.ts";
import { jobKey, runKey } from "../../shared/store/keys.ts";
import { createRun } from "../../shared/usecases/create-run.ts";
import { completeJob, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { planRun } from "../../shared/usecases/plan-run.ts";
import { jobOf, lastWord, planOf, runningAt, startRun, storedItem } from "../support/scenario.ts";
import { startWorld, type World } from "../support/world.ts";

/** DynamoDB refuses an item over 400 KB, and from then on every move of it: nobody may write one that large. */

const KIB = 1_024;
const ITEM_BYTES_MAX = 400 * KIB;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** What the engine counts, nearly: names and values as UTF-8. */
function bytesOf(item: Item | undefined): number {
  return Buffer.byteLength(JSON.stringify(item, (_, value) => (value instanceof Set ? [...value] : value)));
}

/** The largest last word that the protocol takes, in text of `size` characters a part. */
function wordyCompletion(size: number): Completion {
  const text = (max: number) => "€".repeat(Math.min(size, max));
  return lastWord("failed", {
    failure: { class: "user", message: text(1_000), step: text(256) },
    losses: Array.from({ length: 16 }, () => text(500)),
    checks: Array.from({ length: 8 }, (_, at) => ({ id: `c${at}`, outcome: "failed", summary: text(1_000) })),
  });
}

function largestAccepted(): Completion {
  for (let size = 1_000; size > 0; size -= 1) {
    const parsed = completeBody.safeParse(wordyCompletion(size));
    if (parsed.success) return parsed.data;
  }
  throw new Error("the protocol takes no last word at all");
}

test("a job whose every attempt says as much as it may stays far under the limit of an item", async () => {
  const { deps } = world;
  const wide = Array.from({ length: 64 }, (_, at) => `${"n".repeat(61)}${at}`);
  const { runId } = await startRun(
    deps,
    planOf(
      { id: "a", retries: { failed: RETRIES_MAX, lost: RETRIES_MAX } },
      ...wide.map((id) => ({ id, needs: ["a"] })),
    ),
  );
  const ref = { tenant: "main", runId, jobId: "a" };
  const wordy = largestAccepted();
  let fence = 0;
  for (; fence < RETRIES_MAX; fence += 1) {
    const { claims } = await runningAt(deps, ref, { fence });
    await releaseJob(deps, claims, "drain");
  }
  for (; fence <= 2 * RETRIES_MAX; fence += 1) {
    const { claims } = await runningAt(deps, ref, { fence });
    await completeJob(deps, claims, wordy);
  }
  expect((await jobOf(deps, ref)).state).toBe("failed");
  expect(bytesOf(await storedItem(world, jobKey(ref)))).toBeLessThan(ITEM_BYTES_MAX / 2);
});

test("a run whose definition is full of mistakes keeps only the first of them", async () => {
  const jobs = Array.from({ length: 300 }, (_, at) => `  j${at}:\n    run: "true"\n    ${"k".repeat(900)}${at}: 1\n`);
  const deps = { ...world.deps, readDefinition: async () => `jobs:\n${jobs.join("")}` };
  const { run } = await createRun(
    deps,
    {
      project: "default",
      source: { kind: "git", url: "/repository", sha: "0".repeat(40) },
      pipelinePath: `${"p".repeat(1_000)}.yml`,
      watch: false,
    },
    { principal: "test" },
  );
  await planRun(deps, run);
  const item = await storedItem(world, runKey(run));
  expect(item?.["state"]).toBe("plan_failed");
  expect(item?.["reason"]).toContain("unknown key");
  expect(bytesOf(item)).toBeLessThan(10 * KIB);
});
