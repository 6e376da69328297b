import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { HOSTILE_PIPELINES } from "../support/hostile-pipelines.ts";

/** One caller of the embedded stack sends what is costly to read; a bystander must not feel it. */

const folder = mkdtempSync(join(tmpdir(), "baton-hostile-"));
let stack: SpawnedStack;

beforeAll(async () => {
  stack = await spawnStack({ stateDir: folder, memory: true });
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

const BYTES = 500_000;
/** A second on a machine with nothing else to do. It was a minute, and a lease lives for 45 s. */
const SILENCE_MAX_MS = 8_000;
const FIVE_OF = ["commas", "braces", "flowseqs", "anchorDup", "dag", "mixed2", "keys"];

const createRun = (text: string) =>
  fetch(`${stack.url}/v1/runs`, {
    method: "POST",
    headers: { authorization: `Bearer ${stack.token}`, "content-type": "application/json" },
    body: JSON.stringify({ project: "p", definition: { path: "ci.yml", text } }),
  });

/** The longest time that a request to `/healthz` took until `done`. */
async function longestSilence(done: AbortSignal): Promise<number> {
  let longestMs = 0;
  while (!done.aborted) {
    const sentAtMs = systemClock.monotonicMs();
    await (await fetch(`${stack.url}/healthz`)).arrayBuffer();
    longestMs = Math.max(longestMs, systemClock.monotonicMs() - sentAtMs);
    await wait(20);
  }
  return longestMs;
}

test("case A3: 14 definitions of 500 KB, costly to read, at once: others are answered meanwhile", async () => {
  const done = new AbortController();
  const silence = longestSilence(done.signal);
  const texts = Array.from(
    { length: 14 },
    (_, at) => HOSTILE_PIPELINES[FIVE_OF[at % FIVE_OF.length] ?? ""]?.(BYTES) ?? "",
  );
  const answers = await Promise.all(texts.map(createRun));
  done.abort();
  const longestMs = await silence;
  expect(longestMs).toBeLessThan(SILENCE_MAX_MS);
  for (const answer of answers) {
    // Whoever waited too long is asked to come again; nothing is a bug of ours.
    expect([201, 200, 202, 422, 503]).toContain(answer.status);
    await answer.arrayBuffer();
  }
  process.stdout.write(`longest silence ${Math.round(longestMs)} ms\n`);
}, 180_000);
