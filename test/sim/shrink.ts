import type { Outcome, Simulate } from "./simulate.ts";

/** Finds the few faults of a failing world that matter. */

export interface Shrunk {
  /** None of these can be left out. */
  readonly faults: readonly string[];
  /** The world in which they alone strike, with its story. */
  readonly outcome: Outcome;
  readonly tries: number;
}

/** Worlds that one failure is worth. */
const TRIES_MAX = 400;

/**
 * Leaves out faults by halves, then by smaller parts, down to one by one, as long as the same invariant breaks (delta
 * debugging, Zeller and Hildebrandt 2002). What is drawn for one operation does not depend on another's, so the rest of
 * the world stays what it was, up to what the missing faults caused.
 */
export async function shrink(simulate: (world: Simulate) => Promise<Outcome>, failed: Outcome): Promise<Shrunk> {
  const { seed, hasForge: forge } = failed;
  const wanted = kindOf(failed);
  let tries = 0;
  let faults: readonly string[] = failed.struck;
  const fails = async (some: readonly string[]): Promise<boolean> => {
    tries += 1;
    return kindOf(await simulate({ seed, forge, only: new Set(some) })) === wanted;
  };
  for (let part = Math.ceil(faults.length / 2); faults.length > 0 && tries < TRIES_MAX; ) {
    const fewer = await withoutOnePart(faults, part, fails);
    if (fewer !== undefined) {
      faults = fewer;
      part = Math.min(part, Math.max(1, Math.ceil(faults.length / 2)));
    } else if (part === 1) break;
    else part = Math.ceil(part / 2);
  }
  const outcome = await simulate({ seed, forge, only: new Set(faults), recording: true });
  return { faults, outcome, tries };
}

async function withoutOnePart(
  faults: readonly string[],
  size: number,
  fails: (some: readonly string[]) => Promise<boolean>,
): Promise<readonly string[] | undefined> {
  for (let from = 0; from < faults.length; from += size) {
    const rest = faults.filter((_, at) => at < from || at >= from + size);
    if (await fails(rest)) return rest;
  }
  return undefined;
}

/** Two failures are the same when the same invariant broke. */
function kindOf({ broken }: Outcome): string | undefined {
  if (broken === undefined) return undefined;
  return "invariant" in broken ? String(broken.invariant) : broken.message;
}
