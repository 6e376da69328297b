import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { ACTS, BESIDE, PROBE_POOL } from "./suite/scenarios.ts";
import { type Company, makeCompany, playScenario } from "./suite/stage.ts";

/** The suite that every Baton must pass, here against the embedded stack; `npm run deploy:local` plays it against a deployed one. */

const SCENARIO_MS = 150_000;
const stateDir = mkdtempSync(join(tmpdir(), "baton-suite-"));
let stack: SpawnedStack;
let company: Company;

beforeAll(async () => {
  stack = await spawnStack({ stateDir, memory: true, pools: ["default", PROBE_POOL] });
  company = makeCompany({ url: stack.url, token: stack.token, env: {}, thorough: false });
});
afterAll(async () => {
  await company.dismiss();
  await stack.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

for (const { title, scenarios } of [{ title: "without a runner", scenarios: BESIDE }, ...ACTS])
  describe(title, () => {
    test.concurrent.each(scenarios)("$title", { timeout: SCENARIO_MS }, async (scenario) => {
      await playScenario(company, scenario);
    });
  });
