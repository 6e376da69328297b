import type { Trigger, TriggerSource } from "../protocol/triggers.ts";
import type { ProjectItem } from "../store/items.ts";
import type { RefItem } from "../store/trigger-items.ts";
import { isClosing } from "./closings.ts";
import type { TriggerDeps } from "./trigger-deps.ts";

/** Which of two pushes of one branch or pull request is the newer one. */

export type SupersedingTrigger = Extract<Trigger, { event: "push" | "pull_request" }>;

/** A push that wants the place of its pipeline. */
export interface Pushed {
  readonly project: ProjectItem;
  readonly path: string;
  readonly trigger: SupersedingTrigger;
  readonly via: TriggerSource;
}

/** Stands for a commit where there is none: the pull request is closed. */
export const CLOSED = "closed";

/** What has the place: a commit, and of a pull request the branch that it is to be merged into. */
export function headOf(trigger: Trigger): string {
  if (isClosing(trigger)) return CLOSED;
  return trigger.event === "pull_request" ? `${trigger.sha} ${trigger.base.branch}` : trigger.sha;
}
/** Of what has a place. */
export const commitOf = (head: string): string => head.split(" ", 1)[0] ?? head;
export const beforeOf = (trigger: SupersedingTrigger): string => trigger.before ?? "";
export const beforesOf = (place: Pick<RefItem, "latestBefore">): string[] => place.latestBefore.split(" ");

/**
 * When a push took the place, if it is newer than the one that has it; undefined where it is older. One that comes later by
 * the forge's time is newer; within one second, one that started from the other's commit. What these leave open (a branch may
 * return to a commit, and our clock is not the forge's) the forge is asked: the head is the newest. Throws `ForgeError`.
 */
export async function newerSinceMs(deps: TriggerDeps, pushed: Pushed, place: RefItem): Promise<number | undefined> {
  const { trigger, via } = pushed;
  const wanted = headOf(trigger);
  const laterMs = trigger.occurredAtMs - place.latestAtMs;
  const sinceMs = Math.max(trigger.occurredAtMs, place.latestAtMs);
  if (wanted === place.latestSha) return isPushedAgain(pushed, place, laterMs) ? sinceMs : undefined;
  const startedHere = beforeOf(trigger) === commitOf(place.latestSha);
  const leftFromHere = beforesOf(place).includes(commitOf(wanted));
  const isClear = (laterMs > 0 && (startedHere || !leftFromHere)) || (laterMs === 0 && startedHere && !leftFromHere);
  // A sweep tells the time of its question, but of a closing the forge's own.
  if (isClear && (via !== "sweep" || isClosing(trigger))) return sinceMs;
  const head = await headNow(deps, pushed);
  // It is the head now: of whatever was pushed before this moment, and is told later, the forge is asked again.
  if (head === wanted) return Math.max(trigger.occurredAtMs, place.latestAtMs + 1, deps.clock.nowMs());
  // Neither of them, perhaps: then the push that is the newest is still to be told.
  if (head !== undefined) return undefined;
  const isNewer = laterMs === 0 ? startedHere || !leftFromHere : laterMs > 0;
  return isNewer ? sinceMs : undefined;
}

/** Throws `ForgeError`. */
export const isNewer = async (deps: TriggerDeps, pushed: Pushed, place: RefItem): Promise<boolean> =>
  (await newerSinceMs(deps, pushed, place)) !== undefined;

/** The commit that has the place was pushed once more: what came between is older, also where it comes late. */
function isPushedAgain({ trigger, via }: Pushed, place: RefItem, laterMs: number): boolean {
  if (laterMs > 0) return via !== "sweep" || isClosing(trigger);
  const before = beforeOf(trigger);
  return laterMs === 0 && before !== "" && via !== "sweep" && !beforesOf(place).includes(before);
}

/** As the forge shows it now; undefined where it shows nothing. */
async function headNow({ forge }: TriggerDeps, { project, trigger }: Pushed): Promise<string | undefined> {
  if (trigger.event === "push") return forge.branchHead(project, trigger.branch);
  const pull = await forge.readPull(project, trigger.number);
  return pull === undefined ? undefined : headOf(pull);
}
