import { Command } from "commander";
import { type Explored, explore } from "./explore.ts";
import { EQUIVALENTS, MUTANTS } from "./mutants.ts";
import { REAL_RULES } from "./rules.ts";
import { broughtDown, outlived, worldNamed } from "./run-mutants.ts";
import { storyOf } from "./story.ts";
import { REAL_TABLES } from "./tables.ts";
import type { World } from "./world.ts";
import { WORLDS } from "./worlds/all.ts";
import { quicken } from "./worlds/quicken.ts";

/** `npm run model`. */

const USAGE_EXIT = 2;

interface Options {
  readonly world: readonly string[];
  readonly quick: boolean;
  readonly mutants: boolean;
  readonly json: boolean;
}

const program = new Command("npm run model --")
  .description(
    "Explores every state of small worlds. Exits with 1 where an invariant does not hold, or a planted fault is missed.",
  )
  .option("--world <name...>", `these worlds alone (${WORLDS.map(({ name }) => name).join(", ")})`, [])
  .option("--quick", "smaller worlds: seconds instead of minutes", false)
  .option("--mutants", "hunt the planted faults instead", false)
  .option("--json", "for programs", false)
  .addHelpText(
    "after",
    `
Examples:
  npm run model                        every world, whole
  npm run model -- --quick
  npm run model -- --world stop
  npm run model -- --mutants           whether each planted fault is found`,
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT));

interface Row {
  readonly world: World;
  readonly explored: Explored;
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

const MICROSECONDS = 1e6;
const MB = 1e6;

function exploreWorld(world: World): Row {
  const before = process.cpuUsage();
  const explored = explore({ world, tables: REAL_TABLES, rules: REAL_RULES });
  const { user, system } = process.cpuUsage(before);
  return { world, explored, cpuSeconds: (user + system) / MICROSECONDS, rssBytes: process.memoryUsage().rss };
}

function sayRow({ world, explored, cpuSeconds, rssBytes }: Row): string {
  const { states, transitions, depth, fairRuns, missProbability, broken } = explored;
  const counts = [
    `${states} states`,
    `${transitions} transitions`,
    `depth ${depth}`,
    `${fairRuns} fair schedules`,
    `${cpuSeconds.toFixed(1)} s of one core`,
    `${Math.round(rssBytes / MB)} MB`,
    `a state missed with p < ${missProbability.toExponential(0)}`,
  ];
  const head = `${broken === undefined ? "holds " : "BROKEN"} ${world.name}: ${world.title}`;
  const lines = [head, `       ${counts.join(" · ")}`, `       bounded: ${world.bounds.join("; ")}`];
  return [...lines, ...(broken === undefined ? [] : [storyOf(broken)])].join("\n");
}

function jsonRow({ world, explored, cpuSeconds, rssBytes }: Row) {
  const { applied, broken, ...counts } = explored;
  const story = broken === undefined ? undefined : { invariant: broken.invariant, story: storyOf(broken) };
  return { world: world.name, ...counts, rows: [...applied].toSorted(), cpuSeconds, rssBytes, broken: story };
}

function exploreAll(worlds: readonly World[], json: boolean): boolean {
  const rows = worlds.map((world) => {
    console.error(`${world.name} …`);
    const row = exploreWorld(world);
    if (!json) console.log(sayRow(row));
    return row;
  });
  const cpuSeconds = rows.reduce((sum, row) => sum + row.cpuSeconds, 0);
  const broken = rows.filter(({ explored }) => explored.broken !== undefined).length;
  if (json) console.log(JSON.stringify({ rows: rows.map(jsonRow), cpuSeconds }, null, 2));
  else console.log(`${rows.length} worlds, ${broken} broken, ${cpuSeconds.toFixed(1)} s of one core`);
  return broken === 0;
}

function tryMutants(json: boolean): boolean {
  const mutants = MUTANTS.map((mutant) => {
    const broken = broughtDown(mutant);
    const caught = broken?.invariant === mutant.caughtBy.invariant;
    const by = broken === undefined ? "survives" : `invariant ${broken.invariant}, ${broken.trace.length + 1} steps`;
    if (!json) console.log(`${caught ? "caught " : "MISSED "} ${mutant.name}: ${mutant.caughtBy.world}, ${by}`);
    return { name: mutant.name, world: mutant.caughtBy.world, invariant: broken?.invariant, caught };
  });
  const equivalents = EQUIVALENTS.map((equivalent) => {
    const holds = outlived(equivalent) === undefined;
    if (!json) console.log(`${holds ? "no fault" : "WRONG   "} ${equivalent.name}: ${equivalent.why}`);
    return { name: equivalent.name, why: equivalent.why, holds };
  });
  const caught = mutants.filter((one) => one.caught).length;
  if (json) console.log(JSON.stringify({ mutants, equivalents }, null, 2));
  else console.log(`${caught} of ${mutants.length} mutants caught`);
  return caught === mutants.length && equivalents.every(({ holds }) => holds);
}

const { world: names, quick, mutants, json } = program.parse().opts<Options>();
const unknown = names.filter((name) => !WORLDS.some((one) => one.name === name));
if (unknown.length > 0) program.error(`error: there is no world ${unknown.join(", ")}; --help names them`);
const chosen = names.length === 0 ? WORLDS : names.map(worldNamed);
const worlds = quick ? chosen.map(quicken) : chosen;
process.exitCode = (mutants ? tryMutants(json) : exploreAll(worlds, json)) ? 0 : 1;
