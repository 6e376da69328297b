import { systemClock } from "../../../shared/lib/clock.ts";
import { SCENARIOS } from "./scenarios.ts";
import { playScenario, type Target } from "./stage.ts";

/**
 * Plays the suite against a Baton that runs elsewhere: BATON_URL, and BATON_TOKEN with every scope. It needs the pool
 * `default` for itself. Exits with 1 where a scenario failed; arguments name the scenarios to play, by a part of their title.
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
  return { url: url.replace(/\/+$/, ""), token, env: Object.fromEntries(env) };
}

async function main(wanted: readonly string[]): Promise<boolean> {
  const target = readTarget();
  let passed = true;
  for (const scenario of SCENARIOS) {
    if (wanted.length > 0 && !wanted.some((part) => scenario.title.includes(part))) continue;
    const startedAtMs = systemClock.monotonicMs();
    const failure = await playScenario(target, scenario).then(
      () => undefined,
      (error: unknown) => error,
    );
    const seconds = ((systemClock.monotonicMs() - startedAtMs) / 1_000).toFixed(1).padStart(6);
    console.log(`${failure === undefined ? "ok    " : "FAILED"} ${seconds} s  ${scenario.title}`);
    if (failure === undefined) continue;
    console.log(failure instanceof Error ? (failure.stack ?? failure.message) : String(failure));
    passed = false;
  }
  return passed;
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
