import { randomInt } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../../shared/lib/clock.ts";
import { huntMutants } from "./mutants/hunt.ts";
import { runWorlds, type Summary } from "./run-worlds.ts";
import { shrink } from "./shrink.ts";
import { type Outcome, simulate } from "./simulate.ts";

/** `npm run sim`. */

const SEED_MAX = 2 ** 31;
const RUNS_DEFAULT = 1_000;
/** Of a failing world; `--story` tells all of it. */
const STORY_LINES_MAX = 60;
/** Failing worlds that are shrunk and told; the seeds of the others are named. */
const EXPLAINED_MAX = 3;
/** Between two words on stderr of how far it is. */
const PROGRESS_MS = 5_000;
const USAGE_EXIT = 2;

const program = new Command("npm run sim --")
  .description(
    "Lets simulated worlds live: the whole system, seeded, under faults. Exits with 1 where an invariant does not hold.",
  )
  .option("--seed <n>", "the first world's seed; more than once for more bases (default: random)", addSeed, [])
  .option("--runs <n>", "worlds of each base", wholeNumber, RUNS_DEFAULT)
  .option("--forge", "every world has a forge")
  .option("--no-forge", "no world has a forge")
  .option("--story", "tell what happens in the world of one seed", false)
  .option("--mutants", "hunt the planted faults instead", false)
  .option("--json", "for programs", false)
  .addHelpText(
    "after",
    `
Examples:
  npm run sim                                    ${RUNS_DEFAULT} worlds of a random base
  npm run sim -- --seed 1 --seed 1000000 --runs 10000
  npm run sim -- --seed 9249 --story             one world, told
  npm run sim -- --mutants                       whether each planted fault is found`,
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT))
  .parse();

async function main(): Promise<boolean> {
  const { seed, runs, ...values } = program.opts<Options>();
  const seeds = seed.length === 0 ? [randomInt(SEED_MAX)] : seed;
  if (values.mutants) return hunt(values.json);
  if (values.story) return tellStory(seeds[0] ?? 0, values.forge);
  const rows: Row[] = [];
  let failed = false;
  for (const base of seeds) {
    const row = await runOne(base, runs, values.forge);
    rows.push(row);
    if (row.failed.length > 0) failed = true;
    if (!values.json) await tell(row);
  }
  if (values.json)
    console.log(
      JSON.stringify({ rows: rows.map(({ failed: found, ...row }) => ({ ...row, violations: found.length })) }),
    );
  return !failed;
}

interface Options {
  readonly seed: readonly number[];
  readonly runs: number;
  readonly story: boolean;
  readonly forge?: boolean;
  readonly mutants: boolean;
  readonly json: boolean;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function addSeed(text: string, before: readonly number[]): readonly number[] {
  return [...before, wholeNumber(text)];
}

function sayProgress(seed: number, runs: number): (worlds: number) => void {
  let nextMs = systemClock.monotonicMs() + PROGRESS_MS;
  return (worlds) => {
    if (systemClock.monotonicMs() < nextMs) return;
    nextMs += PROGRESS_MS;
    console.error(`seed ${seed}: ${worlds} of ${runs} worlds …`);
  };
}

interface Row extends Summary {
  readonly seed: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function runOne(seed: number, runs: number, forge: boolean | undefined): Promise<Row> {
  const before = { atMs: systemClock.monotonicMs(), cpu: process.cpuUsage() };
  const summary = await runWorlds(seed, runs, sayProgress(seed, runs), forge);
  const seconds = (systemClock.monotonicMs() - before.atMs) / 1_000;
  const { user, system } = process.cpuUsage(before.cpu);
  return { seed, ...summary, seconds, cpuSeconds: (user + system) / 1_000_000 };
}

async function tell({
  seed,
  worlds,
  failed,
  jobs,
  faults,
  events,
  writes,
  quietMsMax,
  seconds,
  cpuSeconds,
}: Row): Promise<void> {
  const each = (total: number) => (total / worlds).toFixed(1);
  console.log(`seed ${seed}: ${worlds} worlds, ${failed.length} violations`);
  console.log(
    `each: ${each(jobs)} jobs planned, ${each(faults)} faults, ${each(events)} events, ${each(writes)} writes; quiet within ${(quietMsMax / 60_000).toFixed(0)} virtual minutes of the last fault`,
  );
  console.log(
    `${seconds.toFixed(1)} s: ${(worlds / seconds).toFixed(1)} worlds/s, ${(worlds / cpuSeconds).toFixed(1)} per second of one core`,
  );
  for (const outcome of failed.slice(0, EXPLAINED_MAX)) await explain(outcome);
  const others = failed.slice(EXPLAINED_MAX).map((outcome) => outcome.seed);
  if (others.length > 0) console.log(`also: ${others.join(", ")}`);
}

async function explain(failed: Outcome): Promise<void> {
  const { faults, outcome, tries } = await shrink(simulate, failed);
  console.log(`\nseed ${failed.seed}: ${failed.broken?.message}`);
  console.log(`${faults.length} of its ${failed.struck.length} faults suffice (found in ${tries} worlds):`);
  for (const fault of faults) console.log(`  ${fault}`);
  for (const line of outcome.story.slice(-STORY_LINES_MAX)) console.log(line);
  console.log(outcome.broken?.message);
}

async function tellStory(seed: number, forge: boolean | undefined): Promise<boolean> {
  const outcome = await simulate({ seed, forge, recording: true });
  for (const line of outcome.story) console.log(line);
  console.log(outcome.broken?.message ?? `seed ${seed}: all invariants hold; trace ${outcome.traceHash}`);
  return outcome.broken === undefined;
}

async function hunt(json: boolean): Promise<boolean> {
  const mutants: object[] = [];
  let missed = false;
  for await (const { mutant, seed, worlds, message } of huntMutants()) {
    mutants.push({ name: mutant.name, seed, worlds, message });
    if (seed === undefined) missed = true;
    if (!json)
      console.log(
        `${seed === undefined ? "MISSED" : `found in the world of seed ${seed}`}: ${mutant.name}\n  ${message}`,
      );
  }
  if (json) console.log(JSON.stringify({ mutants }));
  return !missed;
}

process.exit((await main()) ? 0 : 1);
