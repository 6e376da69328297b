import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { burst } from "./burst.ts";
import { dispatch } from "./dispatch.ts";
import { hello } from "./hello.ts";
import { idle } from "./idle.ts";
import { logThroughput } from "./log-throughput.ts";
import { isMet, type Measurement, type Row } from "./measurement.ts";
import { describeMachine, printReport } from "./print-report.ts";
import { requests } from "./requests.ts";

/** `npm run bench`. */

const MEASUREMENTS: readonly Measurement[] = [hello, dispatch, burst, logThroughput, requests, idle];

const USAGE_EXIT = 2;

interface Options {
  readonly only: readonly string[];
  readonly json?: string;
}

const program = new Command("npm run bench --")
  .description("Measures, one after the other, and compares with the goals. Exits with 1 where a goal was missed.")
  .option("--only <name...>", `these alone (${MEASUREMENTS.map(({ name }) => name).join(", ")})`, [])
  .option("--json <file>", "write the rows there, too")
  .addHelpText(
    "after",
    `
Examples:
  npm run bench
  npm run bench -- --only hello --json bench.json`,
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT));

async function bench({ only, json }: Options): Promise<boolean> {
  const rows: Row[] = [];
  for (const one of MEASUREMENTS.filter(({ name }) => only.length === 0 || only.includes(name))) {
    console.error(`${one.name} …`);
    rows.push(...(await one.measure()));
  }
  console.log(printReport(rows));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ machine: describeMachine(), rows }, null, 2)}\n`);
  return !rows.some((row) => isMet(row) === false);
}

const options = program.parse().opts<Options>();
const unknown = options.only.filter((name) => !MEASUREMENTS.some((one) => one.name === name));
if (unknown.length > 0) program.error(`error: there is no measurement ${unknown.join(", ")}; --help names them`);
process.exitCode = (await bench(options)) ? 0 : 1;
