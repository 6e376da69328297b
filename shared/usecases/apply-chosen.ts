import type { JobMove, JobSeen } from "../domain/choose-job-move.ts";
import type { Args } from "../domain/item.ts";
import type { JobItem } from "../store/items.ts";
import type { Key } from "../store/keys.ts";
import type { Applied, Cause } from "../store/store.ts";
import type { Deps } from "./deps.ts";

const CHOICES_MAX = 4;

/**
 * Applies the row that fits the item: the guess is tried at once, and where the database refuses it, the item that it
 * answers with decides the next. Gives up when the same row is refused twice: then its guards, not its state, refuse.
 */
export async function applyChosen(
  deps: Deps,
  key: Key,
  choose: (seen: JobSeen | undefined) => JobMove | undefined,
  argsFor: (move: JobMove) => Args,
  cause: Cause,
  seen?: JobItem,
): Promise<Applied<JobItem>> {
  let answer: Applied<JobItem> = { applied: false, item: seen };
  let tried: JobMove | undefined;
  for (let choice = 0; choice < CHOICES_MAX; choice += 1) {
    const move = choose(answer.item);
    if (move === undefined || move === tried) return answer;
    tried = move;
    answer = await deps.store.apply(move, key, argsFor(move), cause);
    if (answer.applied || answer.item === undefined) return answer;
  }
  return answer;
}
