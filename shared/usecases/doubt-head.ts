import { headMoves, headsMoves } from "../domain/heads-moves.ts";
import { branchKey, headsKey, pullKey } from "../store/keys.ts";
import type { Cause } from "../store/store.ts";
import type { HeadItem } from "../store/sweep-items.ts";
import { isClosing } from "./closings.ts";
import type { Pushed } from "./place-order.ts";
import { headsRefOf } from "./sweep-deps.ts";
import type { TriggerDeps } from "./trigger-deps.ts";

const DOUBT = "?";
/** The commit that was seen there; undefined where a push since has put it in doubt. */
export const seenCommitOf = ({ sha }: Pick<HeadItem, "sha">) => (sha.startsWith(DOUBT) ? undefined : sha);

const CAUSE: Cause = { actor: "trigger" };

/**
 * A push has superseded a run. Where the next push sets the branch back, and its webhook is lost, a sweep may see the very
 * commit that it saw before: so it has to compare this head anew, whatever the forge says of changes.
 */
export async function doubtHead(deps: TriggerDeps, { project, trigger, via }: Pushed): Promise<void> {
  // A sweep that finds a pull request closed leaves its head: if that is open again, it is new.
  if (via === "sweep" && isClosing(trigger)) return;
  const ref = headsRefOf(project);
  const nowMs = deps.clock.nowMs();
  const head = trigger.event === "push" ? branchKey(ref, trigger.branch) : pullKey(ref, trigger.number);
  // A mark of its own, so that a sweep which has seen one doubt does not take away the next.
  const doubt = `${DOUBT}${deps.random.ulid(nowMs)}`;
  await deps.store.apply(headMoves.doubt, head, { nowMs, doubt }, CAUSE);
  await deps.store.apply(headsMoves.doubt, headsKey(ref), { nowMs }, CAUSE);
}
