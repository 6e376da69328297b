import { Command } from "commander";
import { keepResult } from "./keep-result.ts";
import { ROOMS, type Room, SCORE_MIN } from "./rooms.ts";
import { type RoomResult, runRoom, TESTS_VARIABLE } from "./run-room.ts";

/** `npm run mutants`. */

const USAGE_EXIT = 2;
const names = ROOMS.map(({ name }) => name);

interface Options {
  readonly file: readonly string[];
  readonly concurrency: string;
  readonly keep: boolean;
}

const program = new Command("npm run mutants --")
  .description(
    `Plants faults in the code that trust rests on, one at a time, and runs the tests against each. Exits with 1 where less than ${SCORE_MIN} % of a room's are caught.`,
  )
  .argument("[room...]", `these rooms alone (${names.join(", ")})`)
  .option("--file <path...>", "these files of one room alone", [])
  .option("--concurrency <n>", "how many faults at a time", "2")
  .option("--keep", "puts each room's score into docs/results/mutation.json, for docs/TRUST.md", false)
  .addHelpText(
    "after",
    `
Examples:
  npm run mutants                                  every room; hours on two cores
  npm run mutants -- domain
  npm run mutants -- leases --file shared/usecases/claim-job.ts
  npm run mutants -- domain table --keep           then npm run docs`,
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT));

const scoreOf = ({ planted, caught }: RoomResult): number => (planted === 0 ? 100 : (100 * caught) / planted);

function say(result: RoomResult): void {
  const { room, planted, caught, survivors } = result;
  console.log(`\n${room}: ${caught} of ${planted} caught, ${scoreOf(result).toFixed(1)} %`);
  for (const { file, line, mutator, original, replacement, why } of survivors) {
    console.log(`  ${file}:${line} ${mutator}: ${original} → ${replacement}${why === undefined ? "" : ` (${why})`}`);
  }
}

program.parse();
const options = program.opts<Options>();
const unknown = program.args.find((name) => !names.includes(name));
if (unknown !== undefined) program.error(`error: there is no room ${unknown}; there is: ${names.join(", ")}`);
if (options.file.length > 0 && program.args.length !== 1) program.error("error: --file asks for one room");
if (options.file.length > 0 && options.keep) program.error("error: --keep asks for whole rooms");
const chosen: readonly Room[] = ROOMS.filter(({ name }) => program.args.length === 0 || program.args.includes(name));

const results: RoomResult[] = [];
for (const room of chosen) {
  process.env[TESTS_VARIABLE] = room.tests.join(",");
  const result = await runRoom(room, { files: options.file, concurrency: Number(options.concurrency) });
  results.push(result);
  say(result);
  // After each: hours of work outlive an interruption.
  if (options.keep) keepResult(result);
}
process.exitCode = results.every((result) => scoreOf(result) >= SCORE_MIN) ? 0 : 1;
