import { Command, InvalidArgumentError } from "commander";
import { keepResult } from "./keep-result.ts";
import { ROOMS, type Room, SCORE_MIN } from "./rooms.ts";
import { type RoomResult, runRoom } from "./run-room.ts";
import { intervalOf, percentOf, scoreOf } from "./score.ts";

/** `npm run mutants`. */

const USAGE_EXIT = 2;
const names = ROOMS.map(({ name }) => name);

interface Options {
  readonly file: readonly string[];
  readonly concurrency: number;
  readonly sample?: number;
  readonly seed: number;
  readonly keep: boolean;
}

const program = new Command("npm run mutants --")
  .description(
    `Plants faults in the code that trust rests on, one at a time, and runs the tests against each. Exits with 1 where less than ${SCORE_MIN} % of a room's are caught.`,
  )
  .argument("[room...]", `these rooms alone (${names.join(", ")})`)
  .option("--file <path...>", "these files of one room alone", [])
  .option("--concurrency <n>", "how many faults at a time", countOf, 2)
  .option("--sample <n>", "of each room so many faults, drawn at random, instead of all", countOf)
  .option("--seed <n>", "what they are drawn with", countOf, 1)
  .option("--keep", "puts each room's score into docs/results/mutation.json, for docs/TRUST.md", false)
  .addHelpText(
    "after",
    `
Examples:
  npm run mutants                                  every room; hours on two cores
  npm run mutants -- domain
  npm run mutants -- leases --file shared/usecases/claim-job.ts
  npm run mutants -- leases --sample 200 --seed 7
  npm run mutants -- domain table --keep           then npm run docs`,
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT));

function countOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function say(result: RoomResult): void {
  const { room, total, planted, caught, timedOut, broken, seed, seconds, survivors } = result;
  const drawn =
    seed === undefined ? "" : `, drawn from ${total} with seed ${seed}; 95 % interval ${intervalOf(result)}`;
  console.log(
    `\n${room}: ${caught} of ${planted} caught (${timedOut} by a timeout, ${broken} more start no test), ${percentOf(result)}${drawn}; ${seconds} s`,
  );
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
  const { file: files, concurrency, sample: size, seed } = options;
  const result = await runRoom(room, { files, concurrency, ...(size === undefined ? {} : { sample: { size, seed } }) });
  results.push(result);
  say(result);
  // After each: hours of work outlive an interruption.
  if (options.keep) keepResult(result);
}
process.exitCode = results.every((result) => scoreOf(result) >= SCORE_MIN) ? 0 : 1;
