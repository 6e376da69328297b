import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { allowedRights, neededRights } from "../support/needed-rights.ts";
import { LAST_SCENARIO, PROBE_POOL, SCENARIOS } from "./suite/scenarios.ts";
import { type Company, makeCompany, playScenario } from "./suite/stage.ts";

/** The suite that every Baton must pass, here against the embedded stack; `npm run deploy:local` plays it against a deployed one. */

const SCENARIO_MS = 150_000;
const stateDir = mkdtempSync(join(tmpdir(), "baton-suite-"));
let stack: SpawnedStack;
let company: Company;

beforeAll(async () => {
  const main = fileURLToPath(new URL("../support/watched-stack.ts", import.meta.url));
  stack = await spawnStack({ stateDir, memory: true, main, pools: ["default", PROBE_POOL] });
  company = makeCompany({ url: stack.url, token: stack.token, env: {} });
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
  const needed = neededRights(stateDir);
  const missing = [...needed].flatMap(([name, rights]) => {
    const allowed = allowedRights(name);
    return [...rights].filter((right) => !allowed.has(right)).map((right) => `${name}: ${right}`);
  });
  expect(missing).toEqual([]);
  expect([...(needed.get("lease") ?? [])]).toEqual(expect.arrayContaining(["table UpdateItem"]));
});
