import type { RunItem } from "../store/items.ts";
import { triggeredRunKey } from "./create-triggered-run.ts";
import type { Deps } from "./deps.ts";
import { digest } from "./specs.ts";

/** How often a branch may be set back to one commit while its pipeline runs. */
export const PUSH_BACKS_MAX = 100;

interface LastRun {
  /** Of the run that counts, or of the one that is to be made. */
  readonly key: string;
  /** Not superseded; undefined where all that were made were. */
  readonly run?: RunItem;
  readonly before?: RunItem;
}

/**
 * Each run of a commit that was superseded names the key of the next, so that one push back makes one run. Undefined where
 * there are more than `PUSH_BACKS_MAX`.
 */
export async function lastRun(deps: Deps, firstKey: string): Promise<LastRun | undefined> {
  let key = firstKey;
  let before: RunItem | undefined;
  for (let pushes = 0; pushes <= PUSH_BACKS_MAX; pushes += 1) {
    const made = await deps.store.getIdempotency(triggeredRunKey(deps, key));
    const run = made === undefined ? undefined : await deps.store.getRun({ tenant: made.tenant, runId: made.runId });
    if (run?.supersededBy === undefined)
      return { key, ...(run === undefined ? {} : { run }), ...(before === undefined ? {} : { before }) };
    before = run;
    key = digest(JSON.stringify([key, run.runId]));
  }
  return undefined;
}
