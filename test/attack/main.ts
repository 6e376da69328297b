import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../../shared/lib/clock.ts";
import { eachOf } from "../../shared/lib/each-of.ts";
import { type Attack, makeAttack } from "./attack.ts";
import { type AttackReport, printScores } from "./report.ts";
import { controlPlaneAttacks } from "./scenarios/control-plane.ts";
import { diskAttacks } from "./scenarios/disks.ts";
import { runnerAttacks } from "./scenarios/runners.ts";
import { stepAttacks } from "./scenarios/steps.ts";
import { stormAttacks } from "./scenarios/storm.ts";
import { isClean } from "./score.ts";

/**
 * `npm run attack [-- --short --only NAME… --seed N --jobs N --json FILE]`: real processes, broken in every way that we
 * know, and an oracle that is not part of Baton. Exits with 1 where a count is not 0 or a bound was missed.
 */

/** Those that mostly wait come first, and the rest fills the time. */
const ATTACKS: readonly Attack[] = [
  ...runnerAttacks,
  ...stormAttacks,
  ...controlPlaneAttacks,
  ...diskAttacks,
  ...stepAttacks,
];
const SEED_MAX = 2 ** 31;
const JOBS_DEFAULT = 4;

const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    seed: { type: "string" },
    jobs: { type: "string" },
    json: { type: "string" },
  },
});

async function attack(): Promise<boolean> {
  const unknown = values.only.filter((name) => !ATTACKS.some((one) => one.name === name));
  if (unknown.length > 0) {
    console.error(`--only: no ${unknown.join(", ")}; there is: ${ATTACKS.map(({ name }) => name).join(", ")}`);
    return false;
  }
  const seed = values.seed === undefined ? Math.floor(Math.random() * SEED_MAX) : Number(values.seed);
  const width = values.jobs === undefined ? JOBS_DEFAULT : Number(values.jobs);
  const chosen = ATTACKS.filter(({ name, short }) =>
    values.only.length === 0 ? !values.short || short : values.only.includes(name),
  );
  const atMs = systemClock.nowMs();
  console.error(`seed ${seed}; ${chosen.length} attacks, ${width} at a time`);
  const scores = await eachOf(chosen, width, async (one) => {
    console.error(`${one.name} …`);
    const score = await makeAttack(one, seed, values.short);
    const verdict =
      score.skipped === undefined ? (isClean(score) ? "clean" : "NOT CLEAN") : `left out: ${score.skipped}`;
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
  return scores.every(isClean);
}

process.exitCode = (await attack()) ? 0 : 1;
