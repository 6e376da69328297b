import { systemClock } from "../../../shared/lib/clock.ts";
import { DEPLOYED_SCENARIOS } from "./deployed-scenarios.ts";
import { LAST_SCENARIO, SCENARIOS, slowConformance } from "./scenarios.ts";
import { makeCompany, playScenario, type Scenario, type Target } from "./stage.ts";
import { signedPush } from "./webhook-scenario.ts";

/**
 * Plays the suite against a Baton that runs elsewhere: BATON_URL, and BATON_TOKEN with every scope. It needs the pools
 * `default` and `probes` for itself. BATON_CREDENTIALS=unchecked leaves out what only holds where queues and bucket check who
 * asks. Exits with 1 where a scenario failed.
 */

/** What programs of the suite inherit: a certificate to trust. */
const PASSED_ON = ["NODE_EXTRA_CA_CERTS"];

function readTarget(): Target {
  const { BATON_URL: url, BATON_TOKEN: token } = process.env;
  if (url === undefined || token === undefined) throw new Error("BATON_URL and BATON_TOKEN say which Baton to test");
  const env = PASSED_ON.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const checksCredentials = process.env["BATON_CREDENTIALS"] !== "unchecked";
  return { url: url.replace(/\/+$/, ""), token, env: Object.fromEntries(env), checksCredentials };
}

/** Where Baton may call a forge of ours; absent, nothing is pushed. */
function forgeScenarios(): Scenario[] {
  const port = process.env["BATON_FORGE_PORT"];
  return port === undefined ? [] : [signedPush(Number(port))];
}

async function main(): Promise<boolean> {
  const target = readTarget();
  const company = makeCompany(target);
  const guarded = target.checksCredentials ? DEPLOYED_SCENARIOS : [];
  let passed = true;
  const play = async (scenario: Scenario) => {
    const startedAtMs = systemClock.monotonicMs();
    const failure = await playScenario(company, scenario).then(
      () => undefined,
      (error: unknown) => error ?? "no reason",
    );
    const seconds = ((systemClock.monotonicMs() - startedAtMs) / 1_000).toFixed(1).padStart(5);
    console.log(`${failure === undefined ? "ok    " : "FAILED"} ${seconds} s  ${scenario.title}`);
    if (failure === undefined) return;
    console.log(failure instanceof Error ? (failure.stack ?? failure.message) : String(failure));
    passed = false;
  };
  try {
    const beside = play(slowConformance);
    // One after the other: what comes at once, an emulator answers by starting a process for each call.
    for (const scenario of [...guarded, ...SCENARIOS, ...forgeScenarios(), LAST_SCENARIO]) await play(scenario);
    await beside;
  } finally {
    await company.dismiss();
  }
  return passed;
}

process.exitCode = (await main()) ? 0 : 1;
