import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { missingRights, WATCHED_STACK } from "../support/needed-rights.ts";
import { LAST_SCENARIO, PROBE_POOL, SCENARIOS } from "./suite/scenarios.ts";
import { type Company, makeCompany, playScenario } from "./suite/stage.ts";

/** The suite that every Baton must pass, here against the embedded stack; `npm run deploy:local` plays it against a deployed one. */

const SCENARIO_MS = 150_000;
const stateDir = mkdtempSync(join(tmpdir(), "baton-suite-"));
let stack: SpawnedStack;
let company: Company;

beforeAll(async () => {
  stack = await spawnStack({ stateDir, memory: true, main: WATCHED_STACK, pools: ["default", PROBE_POOL] });
  company = makeCompany({ url: stack.url, token: stack.token, env: {}, checksCredentials: true });
});
afterAll(async () => {
  await company.dismiss();
  await stack.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

describe("at once", () => {
  test.concurrent.each(SCENARIOS)("$title", { timeout: SCENARIO_MS }, async (scenario) => {
    await playScenario(company, scenario);
  });
});

test(LAST_SCENARIO.title, { timeout: SCENARIO_MS }, async () => {
  await playScenario(company, LAST_SCENARIO);
});

test("SECURITY 9: no function needed a right that its role does not have", () => {
  const { missing, functions } = missingRights(stateDir);
  expect(missing).toEqual([]);
  expect(functions).toBeGreaterThanOrEqual(3);
});
