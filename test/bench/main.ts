import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { burst } from "./burst.ts";
import { dispatch } from "./dispatch.ts";
import { hello } from "./hello.ts";
import { idle } from "./idle.ts";
import { logThroughput } from "./log-throughput.ts";
import { isMet, type Measurement, type Row } from "./measurement.ts";
import { describeMachine, printReport } from "./print-report.ts";
import { requests } from "./requests.ts";

/**
 * `npm run bench [-- --only NAME… --json FILE]`: every measurement of DESIGN and issue 2 in one run, one after the other,
 * with goals and verdicts. Exits with 1 where a goal was missed.
 */

const MEASUREMENTS: readonly Measurement[] = [hello, dispatch, burst, logThroughput, requests, idle];

async function bench(only: readonly string[], jsonFile: string | undefined): Promise<boolean> {
  const unknown = only.filter((name) => !MEASUREMENTS.some((one) => one.name === name));
  if (unknown.length > 0) {
    console.error(`--only: no ${unknown.join(", ")}; there is: ${MEASUREMENTS.map(({ name }) => name).join(", ")}`);
    return false;
  }
  const rows: Row[] = [];
  for (const one of MEASUREMENTS.filter(({ name }) => only.length === 0 || only.includes(name))) {
    console.error(`${one.name} …`);
    rows.push(...(await one.measure()));
  }
  console.log(printReport(rows));
  if (jsonFile !== undefined)
    writeFileSync(jsonFile, `${JSON.stringify({ machine: describeMachine(), rows }, null, 2)}\n`);
  return !rows.some((row) => isMet(row) === false);
}

const { values } = parseArgs({ options: { only: { type: "string", multiple: true }, json: { type: "string" } } });
process.exitCode = (await bench(values.only ?? [], values.json)) ? 0 : 1;
