import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { WEBHOOK_BODY_BYTES_MAX } from "../../shared/domain/limits.ts";
import { makeClient } from "../../shared/protocol/client.ts";
import { memoryOf } from "../support/process-tree.ts";

/** Strangers send the largest webhooks that there are, without a signature. */

const stateDir = mkdtempSync(join(tmpdir(), "baton-flood-"));
let stack: SpawnedStack;

beforeAll(async () => {
  stack = await spawnStack({ stateDir, memory: true });
});
afterAll(async () => {
  await stack.stop();
  rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

const MIB = 2 ** 20;
const AT_ONCE = 12;
const ROUNDS = 3;
/** Without a bound it is 600 MiB and more; one body takes four times its size on its way. */
const GROWTH_BYTES_MAX = 350 * MIB;
const BODY = Buffer.alloc(WEBHOOK_BODY_BYTES_MAX, "x");

function post(project: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": BODY.length };
    const { port } = new URL(stack.url);
    const path = `/v1/webhooks/github/${project}`;
    request({ port, method: "POST", path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once("error", reject)
      .end(BODY);
  });
}

test("case A10: 36 webhooks of 25 MiB, 12 at once, do not grow the stack beyond its bound, and it answers others meanwhile", async () => {
  const client = makeClient({ url: stack.url, token: stack.token });
  await post("warm-up");
  const before = memoryOf(stack.pid, "VmHWM");
  const seen: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const flood = Array.from({ length: AT_ONCE }, (_, nth) => post(`made-up-${nth}`));
    expect((await client.call("listRuns", { query: { limit: 1 } })).runs).toEqual([]);
    seen.push(...(await Promise.all(flood)));
  }
  const grown = memoryOf(stack.pid, "VmHWM") - before;
  console.log(`  ${seen.length} webhooks of 25 MiB: the stack grew by ${Math.round(grown / MIB)} MiB`);
  expect(seen.filter((status) => status !== 503 && status !== 401)).toEqual([]);
  expect(seen).toContain(503);
  expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
}, 120_000);
