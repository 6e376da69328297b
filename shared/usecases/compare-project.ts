import { headsMoves } from "../domain/heads-moves.ts";
import { once } from "../lib/once.ts";
import type { ProjectItem } from "../store/items.ts";
import type { HeadsItem } from "../store/sweep-items.ts";
import { compareHeads } from "./compare-heads.ts";
import { compareTags } from "./compare-tags.ts";
import { followRepository } from "./follow-repository.ts";
import { ForgeError } from "./forge.ts";
import type { IsOver, SweepDeps } from "./sweep-deps.ts";

const CAUSE = { actor: "sweep" };

/**
 * Starts what the forge's heads and tags ask for and nobody has started. The marks of its answers are kept when all that they
 * told is handled, so that a crash anywhere repeats and changes nothing. Not whole where time ran out. Throws `ForgeError`
 * where the forge may answer later; an `AggregateError` of our own mistakes at last.
 */
export async function compareProject(
  deps: SweepDeps,
  project: ProjectItem,
  heads: HeadsItem,
  isOver: IsOver,
): Promise<{ isWhole: boolean }> {
  const verify = once(() => verifyRepository(deps, project));
  const byHeads = await compareHeads(deps, project, heads, { isOver, verify });
  if (byHeads === "over") return { isWhole: false };
  const byTags = await compareTags(deps, project, heads, { isOver, verify });
  if (byTags === "over") return { isWhole: false };
  const isChanged = byHeads.marks !== undefined || byTags.marks !== undefined;
  if (isChanged || heads.failures > 0) await settle(deps, { ...heads, ...byHeads.marks, ...byTags.marks });
  const mistakes = [...byHeads.mistakes, ...byTags.mistakes];
  if (mistakes.length > 0) throw new AggregateError(mistakes, mistakes.join("; "));
  return { isWhole: true };
}

/**
 * Before anything starts from a list: that it is of the project's own repository. Throws a `ForgeError` where the name has
 * led to another one, or is followed to the new name: the next turn is by that.
 */
async function verifyRepository(deps: SweepDeps, project: ProjectItem): Promise<void> {
  const { forge } = await followRepository(deps, project);
  if (forge.repository === project.forge.repository) return;
  throw new ForgeError(`the repository is ${forge.repository} now: it is compared by that name`, { retry: true });
}

async function settle(deps: SweepDeps, heads: HeadsItem): Promise<void> {
  const { wakeAtMs, doubts, etag, listedAtMs, schedulesSha, isCut, tagsEtag, tagsListedAtMs } = heads;
  const marks = { etag, listedAtMs, schedulesSha, isCut, tagsEtag, tagsListedAtMs };
  const args = { nowMs: deps.clock.nowMs(), seenWakeAtMs: wakeAtMs, wakeAtMs, doubts, ...marks };
  await deps.store.apply(headsMoves.settle, { pk: heads.pk, sk: heads.sk }, args, CAUSE);
}
