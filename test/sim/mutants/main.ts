import { MUTANTS } from "./mutants.ts";
import { huntMutant } from "./run-mutants.ts";

/** Hunts the planted faults and prints one JSON line for each; an argument names those whose name holds it. */
const [part = ""] = process.argv.slice(2);
let missed = 0;
for (const mutant of MUTANTS.filter(({ name }) => name.includes(part))) {
  const { seed, worlds, message } = await huntMutant(mutant);
  if (seed === undefined) missed += 1;
  console.log(JSON.stringify({ mutant: mutant.name, seed, worlds, message }));
}
process.exit(missed === 0 ? 0 : 1);
