import { RETENTION_MS } from "../domain/limits.ts";
import { refMoves } from "../domain/ref-moves.ts";
import { runMoves } from "../domain/run-moves.ts";
import { isRunEnded } from "../domain/verdict.ts";
import type { Trigger } from "../protocol/triggers.ts";
import { ttlAt } from "../store/item-base.ts";
import type { RunItem } from "../store/items.ts";
import { type Key, refKey, runKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { Cause } from "../store/store.ts";
import type { RefItem } from "../store/trigger-items.ts";
import { cancelRun, supersedeRun } from "./cancel-run.ts";
import { isClosing } from "./closings.ts";
import { doubtHead } from "./doubt-head.ts";
import { lastRun } from "./last-run.ts";
import {
  beforeOf,
  beforesOf,
  CLOSED,
  commitOf,
  headOf,
  newerSinceMs,
  type Pushed,
  type SupersedingTrigger,
} from "./place-order.ts";
import type { TriggerDeps } from "./trigger-deps.ts";
import { placeKey, runKeyOf } from "./trigger-key.ts";

/**
 * `supersede: true`: of one pipeline on one branch or pull request only the newest push keeps its run. Its item holds the
 * newest push and the runs that may be active. A push first takes the place, then makes its run, and then sees who has the
 * place: whichever of two pushes writes last sees the other, so the older run is canceled in any order, and after a crash
 * by whoever brings either push again. A push back to a commit takes a turn of its own, and a run is superseded by a later turn alone.
 */

const CAUSE: Cause = { actor: "trigger" };
const TRIES_MAX = 8;
/** Of the keys in `runs`, an older Baton's. */
const RUN_ID = "run_";
/** Commits that one place remembers to have been pushed from. */
const BEFORES_MAX = 8;

/** Whether a pipeline's runs of this event can be superseded at all: tags and schedules stand alone. */
export const canSupersede = (trigger: Trigger): trigger is SupersedingTrigger =>
  trigger.event === "push" || trigger.event === "pull_request";

/** Undefined where no push of a superseding pipeline was seen there. */
export const readPlace = (deps: TriggerDeps, { project, path, trigger }: Omit<Pushed, "via">) =>
  deps.triggers.getRef(keyOfPlace(deps, { project, path, trigger }));

/** Takes the place of the newest push, unless a newer one has it. Answers the item as it stands then. Throws `ForgeError`. */
export async function takePlace(deps: TriggerDeps, pushed: Pushed): Promise<RefItem> {
  const key = keyOfPlace(deps, pushed);
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const seen = await deps.triggers.getRef(key);
    if (seen === undefined) await deps.store.birth([newPlace(deps, key, pushed)]);
    else {
      const latestAtMs = await newerSinceMs(deps, pushed, seen);
      if (latestAtMs === undefined) return seen;
      await advance(deps, pushed, seen, latestAtMs);
    }
  }
  throw new Error(`the place of ${pushed.path} on its branch is contended: try again`);
}

/** True where the item's newest push is this one. */
export const hasPlace = (place: RefItem, trigger: Trigger): boolean => place.latestSha === headOf(trigger);

/** Why the run of an older push does not run, or no longer. */
export const supersededReason = (place: RefItem): string =>
  place.latestSha === CLOSED ? "the pull request was closed" : `superseded by ${commitOf(place.latestSha)}`;

/**
 * Keeps a run from whoever took the place before this turn and is slow: it may no longer supersede it. Answers the run as
 * it is then, which may have been superseded first.
 */
export async function keepPlace(deps: TriggerDeps, place: RefItem, run: RunItem): Promise<RunItem> {
  if (isRunEnded(run.state) || (run.turn ?? 0) >= place.turn) return run;
  const args = { nowMs: deps.clock.nowMs(), turn: place.turn };
  return (await deps.store.apply(runMoves.keepPlace, runKey(run), args, CAUSE)).item ?? run;
}

/** Cancels the runs that are not of the newest push, and then forgets them. */
export async function cancelOlder(deps: TriggerDeps, place: RefItem, pushed: Pushed): Promise<void> {
  const older = Object.entries(place.runs).filter(([, sha]) => sha !== place.latestSha);
  if (older.length === 0) return;
  // A sweep that finds a pull request closed leaves its head: if that is open again, it is new.
  if (pushed.via !== "sweep" || !isClosing(pushed.trigger)) await doubtHead(deps, pushed.project, pushed.trigger);
  for (const [key] of older) {
    const isOver = await cancelUnder(deps, place, key);
    const args = { nowMs: deps.clock.nowMs(), key, turn: place.turn };
    if (isOver) await deps.store.apply(refMoves.leave, place, args, CAUSE);
  }
}

/** False where there is none yet: whoever is about to make it may die before it looks who has the place. */
async function cancelUnder(deps: TriggerDeps, place: RefItem, key: string): Promise<boolean> {
  if (key.startsWith(RUN_ID)) return cancelSuperseded(deps, place, key);
  const last = await lastRun(deps, key);
  if (last?.run === undefined) return last?.before !== undefined;
  return cancelSuperseded(deps, place, last.run.runId);
}

/** False where the run has kept its place since: then it is not canceled. */
export async function cancelSuperseded(deps: TriggerDeps, place: RefItem, runId: string): Promise<boolean> {
  const run = await deps.store.getRun({ tenant: place.tenant, runId });
  // A run that is too old to be kept need not be stopped.
  if (run === undefined || isRunEnded(run.state)) return true;
  const cause = { ...CAUSE, reason: supersededReason(place) };
  if (run.turn === undefined) {
    // An older Baton made it, and gave it no turn.
    await cancelRun(deps, run, cause);
    return true;
  }
  const after = await supersedeRun(deps, run, { turn: place.turn, by: commitOf(place.latestSha) }, cause);
  return after.state === "canceling" || isRunEnded(after.state);
}

const keyOfPlace = ({ settings }: TriggerDeps, { project, path, trigger }: Omit<Pushed, "via">): Key =>
  refKey(settings.tenant, placeKey(project.name, path, trigger));

function newPlace(deps: TriggerDeps, key: Key, { project, path, trigger }: Pushed): RefItem {
  return {
    ...key,
    v: ITEM_VERSION,
    tenant: deps.settings.tenant,
    ttl: ttlOf(deps),
    family: "ref",
    state: "open",
    latestAtMs: trigger.occurredAtMs,
    latestSha: headOf(trigger),
    latestBefore: beforeOf(trigger),
    turn: 1,
    runs: isClosing(trigger) ? {} : { [runKeyOf(project.name, path, trigger)]: headOf(trigger) },
    history: {},
  };
}

async function advance(deps: TriggerDeps, pushed: Pushed, seen: RefItem, latestAtMs: number): Promise<void> {
  const { project, path, trigger } = pushed;
  const sha = headOf(trigger);
  const befores = sha === seen.latestSha ? [...beforesOf(seen), beforeOf(trigger)] : [beforeOf(trigger)];
  const before = [...new Set(befores)].slice(-BEFORES_MAX).join(" ").trim();
  const compared = { seenSha: seen.latestSha, seenAtMs: seen.latestAtMs };
  const args = { nowMs: deps.clock.nowMs(), sha, before, latestAtMs, ttl: ttlOf(deps), ...compared };
  if (isClosing(trigger)) await deps.store.apply(refMoves.close, seen, args, CAUSE);
  else await deps.store.apply(refMoves.advance, seen, { ...args, key: runKeyOf(project.name, path, trigger) }, CAUSE);
}

const ttlOf = (deps: TriggerDeps): number => ttlAt(deps.clock.nowMs() + RETENTION_MS);
