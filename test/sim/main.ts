import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { systemClock } from "../../shared/lib/clock.ts";
import { runWorlds } from "./run-worlds.ts";
import { shrink } from "./shrink.ts";
import { type Outcome, simulate } from "./simulate.ts";

/** `npm run sim -- --seed N --runs M`: the worlds of the seeds N to N + M - 1; `--story` tells what happens in one. */

const SEED_MAX = 2 ** 31;
/** Of a failing world; `--story` tells all of it. */
const STORY_LINES_MAX = 60;
const RUNS_DEFAULT = 1_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seed: { type: "string" }, runs: { type: "string" }, story: { type: "boolean", default: false } },
  });
  const seed = values.seed === undefined ? randomInt(SEED_MAX) : Number(values.seed);
  if (values.story) return tellStory(seed);
  return runMany(seed, values.runs === undefined ? RUNS_DEFAULT : Number(values.runs));
}

async function tellStory(seed: number): Promise<number> {
  const outcome = await simulate({ seed, recording: true });
  for (const line of outcome.story) console.log(line);
  console.log(outcome.broken?.message ?? `seed ${seed}: all invariants hold; trace ${outcome.traceHash}`);
  return outcome.broken === undefined ? 0 : 1;
}

async function runMany(seed: number, runs: number): Promise<number> {
  const before = { atMs: systemClock.monotonicMs(), cpu: process.cpuUsage() };
  const { worlds, failed, jobs, events, writes, faults, quietMsMax } = await runWorlds(seed, runs);
  const seconds = (systemClock.monotonicMs() - before.atMs) / 1_000;
  const { user, system } = process.cpuUsage(before.cpu);
  const each = (total: number) => (total / worlds).toFixed(1);
  console.log(`seed ${seed}: ${worlds} worlds, ${failed.length} violations`);
  console.log(
    `each: ${each(jobs)} jobs planned, ${each(faults)} faults, ${each(events)} events, ${each(writes)} writes; quiet within ${(quietMsMax / 60_000).toFixed(0)} virtual minutes of the last fault`,
  );
  const cpuSeconds = (user + system) / 1_000_000;
  console.log(
    `${seconds.toFixed(1)} s: ${(worlds / seconds).toFixed(1)} worlds/s, ${(worlds / cpuSeconds).toFixed(1)} per second of one core`,
  );
  for (const outcome of failed.slice(0, 3)) await explain(outcome);
  if (failed.length > 3)
    console.log(
      `also: ${failed
        .slice(3)
        .map((outcome) => outcome.seed)
        .join(", ")}`,
    );
  return failed.length === 0 ? 0 : 1;
}

async function explain(failed: Outcome): Promise<void> {
  const { faults, outcome, tries } = await shrink(simulate, failed);
  console.log(`\nseed ${failed.seed}: ${failed.broken?.message}`);
  console.log(`${faults.length} of its ${failed.struck.length} faults suffice (found in ${tries} worlds):`);
  for (const fault of faults) console.log(`  ${fault}`);
  for (const line of outcome.story.slice(-STORY_LINES_MAX)) console.log(line);
  console.log(outcome.broken?.message);
}

process.exit(await main());
