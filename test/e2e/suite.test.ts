import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { SCENARIOS } from "./suite/scenarios.ts";
import { playScenario } from "./suite/stage.ts";

/** The suite that every Baton must pass, here against the embedded stack; `npm run deploy:local` plays it against a deployed one. */

const SCENARIO_MS = 120_000;
const stateDir = mkdtempSync(join(tmpdir(), "baton-suite-"));
let stack: SpawnedStack;

beforeAll(async () => {
  stack = await spawnStack({ stateDir, memory: true });
});
afterAll(async () => {
  await stack.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

test.each(SCENARIOS)("$title", { timeout: SCENARIO_MS }, async (scenario) => {
  await playScenario({ url: stack.url, token: stack.token, env: {} }, scenario);
});
