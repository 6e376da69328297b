import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BatonUp, batonUp } from "../support/baton-up.ts";
import { memoryOf, processTree } from "../support/process-tree.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import type { Measurement, Row } from "./measurement.ts";

/** Steps that print 500 MB: from the attempt's acknowledgement to its accepted end, all of the log in the bucket. */

const BYTES = 500_000_000;
const MB = 1e6;
const TEXT_BYTES = 5 * MB;
const PATIENCE_MS = 180_000;

export const logThroughput: Measurement = {
  name: "logs",
  async measure() {
    const up = await batonUp({ slots: 1 });
    try {
      const text = join(up.shared, "build.txt");
      writeFileSync(text, buildLog(TEXT_BYTES));
      const printText = `i=0; while [ $i -lt ${BYTES / TEXT_BYTES} ]; do cat ${text}; i=$((i+1)); done`;
      const goal = { atLeast: 60 };
      const rows: Row[] = [
        { what: "500 MB of build output", value: await rateOf(up, printText), unit: "MB/s", goal },
        { what: "500 MB of `yes`", value: await rateOf(up, `yes | head -c ${BYTES}`), unit: "MB/s", goal },
      ];
      return [...rows, { what: "peak RSS of the runner", value: peakOf(up) / MB, unit: "MB", goal: { atMost: 200 } }];
    } finally {
      await up.discard();
    }
  },
};

async function rateOf(up: BatonUp, script: string): Promise<number> {
  const runId = await createRunOf(up.client, `jobs: {print: {run: ${JSON.stringify(script)}}}\n`);
  await runEnds(up.client, runId, PATIENCE_MS);
  const { job } = await up.client.call("getJob", { params: { run: runId, job: "print" } });
  const attempt = job.attempts[0];
  const { startedAtMs, end } = attempt ?? {};
  if (job.state !== "succeeded" || startedAtMs === undefined || end === undefined)
    throw new Error(`the job ${job.state}`);
  if ((end.log?.bytes ?? 0) < BYTES || (end.log?.lostBytes ?? 0) > 0) throw new Error("part of the log was lost");
  return BYTES / MB / ((end.atMs - startedAtMs) / 1_000);
}

function peakOf(up: BatonUp): number {
  const runner = processTree(up.pid).find(({ command }) => command.includes("/runner/main.ts"));
  if (runner === undefined) throw new Error("there is no runner process");
  return memoryOf(runner.pid, "VmHWM");
}

/** Text as compilers and test runners print it: much alike, no two lines the same. */
function buildLog(bytes: number): string {
  const lines: string[] = [];
  for (let length = 0, at = 0; length < bytes; at += 1) {
    const name = `${["parse", "plan", "store", "lease"][at % 4]}-${(at * 7_919) % 10_007}`;
    const line =
      at % 3 === 0
        ? `[${at}/98765] CXX obj/src/${name}.o -O2 -DNDEBUG -Iinclude -MMD -MF obj/src/${name}.d`
        : `  \u001b[32m✓\u001b[0m test/unit/${name}.test.ts > answers case ${at} (${(at * 31) % 977} ms)`;
    lines.push(line);
    length += Buffer.byteLength(line) + 1;
  }
  return Buffer.from(`${lines.join("\n")}\n`)
    .subarray(0, bytes)
    .toString("latin1")
    .slice(0, bytes);
}
