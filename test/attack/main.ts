import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../../shared/lib/clock.ts";
import { eachOf } from "../../shared/lib/each-of.ts";
import { type Attack, makeAttack } from "./attack.ts";
import { type AttackReport, printScores } from "./report.ts";
import { controlPlaneAttacks } from "./scenarios/control-plane.ts";
import { diskAttacks } from "./scenarios/disks.ts";
import { nameAttacks } from "./scenarios/names.ts";
import { outputAttacks } from "./scenarios/outputs.ts";
import { runnerAttacks } from "./scenarios/runners.ts";
import { signalAttacks } from "./scenarios/signals.ts";
import { stepAttacks } from "./scenarios/steps.ts";
import { stormAttacks } from "./scenarios/storm.ts";
import { surroundingAttacks } from "./scenarios/surroundings.ts";
import { verdictOf } from "./score.ts";

/** `npm run attack`. */

/** Those that mostly wait come first, and the rest fills the time. */
const ATTACKS: readonly Attack[] = [
  ...runnerAttacks,
  ...signalAttacks,
  ...stormAttacks,
  ...controlPlaneAttacks,
  ...diskAttacks,
  ...stepAttacks,
  ...surroundingAttacks,
  ...outputAttacks,
  ...nameAttacks,
];
const SEED_MAX = 2 ** 31;
const JOBS_DEFAULT = 4;

const USAGE_EXIT = 2;

interface Options {
  readonly short: boolean;
  readonly only: readonly string[];
  readonly seed?: number;
  readonly jobs: number;
  readonly json?: string;
}

const program = new Command("npm run attack --")
  .description(
    "Breaks real processes in every way that we know, and has an oracle that is no part of Baton judge what comes out. Exits with 1 where a count is not 0 or, unless --short, a bound was missed. All of it takes about 20 minutes on two cores.",
  )
  .option("--short", "the short ones, with fewer runs", false)
  .option("--only <name...>", `these alone (${ATTACKS.map(({ name }) => name).join(", ")})`, [])
  .option("--seed <n>", "of what is random (default: random)", wholeNumber)
  .option("--jobs <n>", "attacks at a time", wholeNumber, JOBS_DEFAULT)
  .option("--json <file>", "write the report there, too")
  .addHelpText(
    "after",
    `
Examples:
  npm run attack -- --short
  npm run attack -- --only runner-killed --seed 7`,
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT));

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

const values = program.parse().opts<Options>();
const unknown = values.only.filter((name) => !ATTACKS.some((one) => one.name === name));
if (unknown.length > 0) program.error(`error: there is no attack ${unknown.join(", ")}; --help names them`);
if (values.jobs === 0) program.error("error: --jobs: at least one at a time");

async function attack(): Promise<boolean> {
  const seed = values.seed ?? Math.floor(Math.random() * SEED_MAX);
  const chosen = ATTACKS.filter(({ name, short }) =>
    values.only.length === 0 ? !values.short || short : values.only.includes(name),
  );
  const atMs = systemClock.nowMs();
  console.error(`seed ${seed}; ${chosen.length} attacks, ${values.jobs} at a time`);
  const scores = await eachOf(chosen, values.jobs, async (one) => {
    console.error(`${one.name} …`);
    const score = await makeAttack(one, seed, values.short);
    const verdict = score.skipped === undefined ? verdictOf(score) : `left out: ${score.skipped}`;
    console.error(`${one.name}: ${verdict}, ${score.seconds} s`);
    return score;
  });
  const report: AttackReport = {
    tool: "attack",
    command: `npm run attack -- ${values.short ? "--short " : ""}${values.only.map((name) => `--only ${name} `).join("")}--seed ${seed}`,
    atMs,
    seed,
    seconds: Math.round((systemClock.nowMs() - atMs) / 1_000),
    machine: {
      cores: cpus().length,
      memoryGib: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      node: process.version,
    },
    scores,
  };
  console.log(printScores(report));
  if (values.json !== undefined) {
    mkdirSync(dirname(values.json), { recursive: true });
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  const verdicts = scores.map(verdictOf);
  return verdicts.every((verdict) => verdict === "clean" || (values.short && verdict === "clean, but late"));
}

process.exitCode = (await attack()) ? 0 : 1;
