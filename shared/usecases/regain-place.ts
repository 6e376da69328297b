import type { Decision } from "../protocol/webhooks.ts";
import { lastRun } from "./last-run.ts";
import { isNewer, type Pushed } from "./place-order.ts";
import { loseTo } from "./start-newest.ts";
import { cancelOlder, hasPlace, keepPlace, readPlace, takePlace } from "./supersede.ts";
import type { TriggerDeps } from "./trigger-deps.ts";
import { runKeyOf } from "./trigger-key.ts";

/** The turn of an older push that keeps the place, since a filter leaves this one out; 0 where there is none. */
export async function turnBefore(deps: TriggerDeps, pushed: Pushed): Promise<number> {
  const place = await readPlace(deps, pushed);
  if (place === undefined || hasPlace(place, pushed.trigger)) return 0;
  return (await isNewer(deps, pushed, place)) ? place.turn : 0;
}

interface Before {
  readonly known: Decision;
  /** Of the older push that had the place when a filter left this one out. */
  readonly seenTurn: number;
  again(): Promise<Decision>;
}

/**
 * A push of a commit that was decided before: a repetition, which changes nothing, or a push back, which takes the place
 * again and runs where its run was superseded. Who has the place decides, and not how the push came. Throws `ForgeError`.
 */
export async function regainPlace(
  deps: TriggerDeps,
  pushed: Pushed,
  { known, seenTurn, again }: Before,
): Promise<Decision> {
  const seen = await readPlace(deps, pushed);
  if (seen === undefined) return known;
  if (!hasPlace(seen, pushed.trigger)) {
    // Nothing was pushed since: a filter had left it out, and a sweep with another range of commits is not to know better.
    if (seen.turn === seenTurn) return known;
    return (await isNewer(deps, pushed, seen)) ? again() : loseTo(deps, seen, pushed);
  }
  const place = await takePlace(deps, pushed);
  const run = (await lastRun(deps, runKeyOf(pushed.project.name, pushed.path, pushed.trigger)))?.run;
  if (run === undefined || !hasPlace(place, pushed.trigger)) return again();
  const kept = await keepPlace(deps, place, run);
  if (kept.supersededBy !== undefined) return again();
  // Whoever took the place may have died before this.
  await cancelOlder(deps, place, pushed);
  return { pipeline: pushed.path, runId: run.runId };
}
