import type { Violation as Found } from "../check/violation.ts";
import { loadSimulator } from "./load-mutant.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";

/** How a planted fault was found, or that it was not. */
export interface Caught {
  readonly mutant: Mutant;
  /** The world that found it; undefined where none did. */
  readonly seed: number | undefined;
  readonly worlds: number;
  readonly message: string;
}

/** Worlds that a mutant may hide in. */
const WORLDS_MAX = 2_000;

/** Looks for one planted fault, first where it was found before. */
async function huntMutant(mutant: Mutant): Promise<Caught> {
  const { simulate } = await loadSimulator(mutant);
  let other = "nothing";
  for (let worlds = 1; worlds <= WORLDS_MAX; worlds += 1) {
    const seed = worlds === 1 ? mutant.foundIn : worlds - 1;
    const { broken } = await simulate({ seed, forge: mutant.forge ?? false });
    if (broken === undefined) continue;
    const invariant = "invariant" in broken ? (broken as Found).invariant : 0;
    if (mutant.breaks.includes(invariant)) return { mutant, seed, worlds, message: broken.message };
    other = broken.message;
  }
  return { mutant, seed: undefined, worlds: WORLDS_MAX, message: `not as said; last seen: ${other}` };
}

/** Every planted fault, one after the other. */
export async function* huntMutants(mutants: readonly Mutant[] = MUTANTS): AsyncGenerator<Caught> {
  for (const mutant of mutants) yield await huntMutant(mutant);
}
