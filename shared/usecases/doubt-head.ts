import { headMoves, headsMoves } from "../domain/heads-moves.ts";
import type { Trigger } from "../protocol/triggers.ts";
import type { ProjectItem } from "../store/items.ts";
import { branchKey, headsKey, type Key, pullKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { Cause } from "../store/store.ts";
import type { HeadItem } from "../store/sweep-items.ts";
import { commitOf } from "./place-order.ts";
import { headsRefOf } from "./sweep-deps.ts";
import type { TriggerDeps } from "./trigger-deps.ts";

const DOUBT = "?";
/** The commit that was seen there; undefined where a push since has put it in doubt. */
export const seenCommitOf = ({ sha }: Pick<HeadItem, "sha">) => (sha.startsWith(DOUBT) ? undefined : commitOf(sha));

const CAUSE: Cause = { actor: "trigger" };

/**
 * Something happened to a head that a comparison by what was seen before would not find: a run was superseded, and the next push
 * may set the branch back; or nobody could decide what a delivery told. So the next sweep compares this head anew, whatever
 * the forge says of changes, and no first sight takes it for old.
 */
export async function doubtHead(
  deps: Pick<TriggerDeps, "store" | "clock" | "random">,
  project: ProjectItem,
  trigger: Extract<Trigger, { event: "push" | "pull_request" }>,
): Promise<void> {
  const ref = headsRefOf(project);
  const nowMs = deps.clock.nowMs();
  const head = trigger.event === "push" ? branchKey(ref, trigger.branch) : pullKey(ref, trigger.number);
  // A mark of its own, so that a sweep which has seen one doubt does not take away the next.
  const doubt = `${DOUBT}${deps.random.ulid(nowMs)}`;
  const { item } = await deps.store.apply(headMoves.doubt, head, { nowMs, doubt }, CAUSE);
  if (item === undefined) await deps.store.birthEach([headItem(project.tenant, { key: head, sha: doubt })]);
  await deps.store.apply(headsMoves.doubt, headsKey(ref), { nowMs }, CAUSE);
}

export function headItem(tenant: string, { key, sha }: { readonly key: Key; readonly sha: string }): HeadItem {
  return { ...key, v: ITEM_VERSION, tenant, family: "head", state: "seen", sha, history: {} };
}
