import type { Decision } from "../protocol/webhooks.ts";
import type { RefItem } from "../store/trigger-items.ts";
import { createTriggeredRun, type TriggeredRun } from "./create-triggered-run.ts";
import { lastRun, PUSH_BACKS_MAX } from "./last-run.ts";
import type { Pushed } from "./place-order.ts";
import {
  cancelOlder,
  cancelSuperseded,
  hasPlace,
  keepPlace,
  readPlace,
  supersededReason,
  takePlace,
} from "./supersede.ts";
import type { TriggerDeps } from "./trigger-deps.ts";
import { runKeyOf } from "./trigger-key.ts";

const TRIES_MAX = 8;
export type Superseding = TriggeredRun & Pushed;

/**
 * Creates the run of the newest push, and cancels those of older ones; or where a newer push was there before, only this
 * one's older run. A commit that is the newest again, and whose run was superseded, gets another. Throws `ForgeError`.
 */
export async function startNewest(deps: TriggerDeps, wanted: Superseding): Promise<Decision> {
  const { trigger, path } = wanted;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const place = await takePlace(deps, wanted);
    if (!hasPlace(place, trigger)) return loseTo(deps, place, wanted);
    const last = await lastRun(deps, runKeyOf(wanted.project.name, path, trigger));
    if (last === undefined) return { pipeline: path, reason: TOO_OFTEN };
    const { run: made } = await createTriggeredRun(deps, { ...wanted, key: last.key, turn: place.turn });
    const run = await keepPlace(deps, place, made);
    // Whoever had the place before was faster: the next run is this one's.
    if (run.supersededBy !== undefined) continue;
    const after = (await readPlace(deps, wanted)) ?? place;
    await cancelOlder(deps, after, wanted);
    const decision = { pipeline: path, runId: run.runId };
    return hasPlace(after, trigger) ? decision : { ...decision, reason: supersededReason(after) };
  }
  throw new Error(`the place of ${path} on its branch is contended: try again`);
}

const TOO_OFTEN = `the branch was set back to this commit more than ${PUSH_BACKS_MAX} times: start it by hand`;

/** A newer push has the place. A try before this one may have made the run and died: then it is canceled now. */
export async function loseTo(deps: TriggerDeps, place: RefItem, pushed: Pushed): Promise<Decision> {
  const last = await lastRun(deps, runKeyOf(pushed.project.name, pushed.path, pushed.trigger));
  if (last?.run !== undefined) await cancelSuperseded(deps, place, last.run.runId);
  const runId = last?.run?.runId ?? last?.before?.runId;
  return { pipeline: pushed.path, ...(runId === undefined ? {} : { runId }), reason: supersededReason(place) };
}
