import { RETENTION_MS } from "../domain/limits.ts";
import { refMoves } from "../domain/ref-moves.ts";
import { isRunEnded } from "../domain/verdict.ts";
import type { Trigger } from "../protocol/triggers.ts";
import { ttlAt } from "../store/item-base.ts";
import { type Key, refKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { Cause } from "../store/store.ts";
import type { RefItem } from "../store/trigger-items.ts";
import { cancelRun } from "./cancel-run.ts";
import type { TriggerDeps } from "./trigger-deps.ts";
import { placeKey } from "./trigger-key.ts";

/**
 * `supersede: true`: of one pipeline on one branch or pull request only the newest push keeps its run. Its item holds the
 * newest push and the runs that may be active. A run enters after it was made and then looks who is the newest: whichever
 * of two pushes writes last sees the other, so the older run is canceled in any order, and after a crash by whoever
 * brings either push again.
 */

type SupersedingTrigger = Extract<Trigger, { event: "push" | "pull_request" }>;

/** Stands for a commit where there is none: the pull request is closed. */
const CLOSED = "closed";
const CAUSE: Cause = { actor: "trigger" };
const TRIES_MAX = 8;

/** Whether a pipeline's runs of this event can be superseded at all: tags and schedules stand alone. */
export const canSupersede = (trigger: Trigger): trigger is SupersedingTrigger =>
  trigger.event === "push" || trigger.event === "pull_request";

/** Takes the place of the newest push, unless a newer one has it. Answers the item as it stands then. */
export async function takePlace(
  deps: TriggerDeps,
  project: string,
  path: string,
  trigger: SupersedingTrigger,
): Promise<RefItem> {
  const key = refKey(deps.settings.tenant, placeKey(project, path, trigger));
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const seen = await deps.triggers.getRef(key);
    if (seen === undefined) await deps.store.birth([newPlace(deps, key, trigger)]);
    else if (!isNewer(trigger, seen)) return seen;
    else await advance(deps, key, trigger, seen);
  }
  throw new Error(`the place of ${path} on its branch is contended: try again`);
}

/** True where the item's newest push is this one. */
export const hasPlace = (place: RefItem, trigger: Trigger): boolean => place.latestSha === commitOf(trigger);

/** Why the run of an older push does not run, or no longer. */
export const supersededReason = (place: RefItem): string =>
  place.latestSha === CLOSED ? "the pull request was closed" : `superseded by ${place.latestSha}`;

/** Enters a run and cancels every older one. Answers the item as it stood when the run was in it. */
export async function enterPlace(
  deps: TriggerDeps,
  place: RefItem,
  run: { readonly runId: string; readonly sha: string },
): Promise<RefItem> {
  const nowMs = deps.clock.nowMs();
  const { item = place } = await deps.store.apply(refMoves.enter, place, { nowMs, ...run }, CAUSE);
  await cancelOlder(deps, item);
  return item;
}

/** Cancels the runs that are not of the newest push, and then forgets them. */
export async function cancelOlder(deps: TriggerDeps, place: RefItem): Promise<void> {
  for (const [runId, sha] of Object.entries(place.runs)) {
    if (sha === place.latestSha) continue;
    await cancelSuperseded(deps, place, runId);
    await deps.store.apply(refMoves.leave, place, { nowMs: deps.clock.nowMs(), runId }, CAUSE);
  }
}

export async function cancelSuperseded(deps: TriggerDeps, place: RefItem, runId: string): Promise<void> {
  const run = await deps.store.getRun({ tenant: place.tenant, runId });
  // A run that is too old to be kept need not be stopped.
  if (run === undefined || isRunEnded(run.state)) return;
  await cancelRun(deps, run, { ...CAUSE, reason: supersededReason(place) });
}

function newPlace(deps: TriggerDeps, key: Key, trigger: SupersedingTrigger): RefItem {
  return {
    ...key,
    v: ITEM_VERSION,
    tenant: deps.settings.tenant,
    ttl: ttlOf(deps),
    family: "ref",
    state: "open",
    latestAtMs: trigger.occurredAtMs,
    latestSha: commitOf(trigger),
    latestBefore: beforeOf(trigger),
    runs: {},
    history: {},
  };
}

async function advance(deps: TriggerDeps, key: Key, trigger: SupersedingTrigger, seen: RefItem): Promise<void> {
  const newest = { sha: commitOf(trigger), before: beforeOf(trigger), ttl: ttlOf(deps) };
  const latestAtMs = Math.max(trigger.occurredAtMs, seen.latestAtMs);
  const args = { ...newest, latestAtMs, nowMs: deps.clock.nowMs(), seenSha: seen.latestSha, seenAtMs: seen.latestAtMs };
  await deps.store.apply(refMoves.advance, key, args, CAUSE);
}

/**
 * A push that started from the other's commit is the newer one, whatever the clocks say. Else the forge's time decides,
 * which has whole seconds; within one, the push that came last here.
 */
function isNewer(trigger: SupersedingTrigger, seen: RefItem): boolean {
  const sha = commitOf(trigger);
  // Of two closings the later one counts: what happened between them is older.
  if (sha === seen.latestSha) return sha === CLOSED && trigger.occurredAtMs > seen.latestAtMs;
  if (beforeOf(trigger) === seen.latestSha) return true;
  if (seen.latestBefore === sha) return false;
  return trigger.occurredAtMs >= seen.latestAtMs;
}

const commitOf = (trigger: Trigger): string =>
  trigger.event === "pull_request" && trigger.action === "closed" ? CLOSED : trigger.sha;
const beforeOf = (trigger: SupersedingTrigger): string => trigger.before ?? "";
const ttlOf = (deps: TriggerDeps): number => ttlAt(deps.clock.nowMs() + RETENTION_MS);
