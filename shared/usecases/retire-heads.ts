import { headMoves, headsMoves, tagsMoves } from "../domain/heads-moves.ts";
import { HEAD_GONE_MS } from "../domain/limits.ts";
import { eachOf } from "../lib/each-of.ts";
import { ttlAt } from "../store/item-base.ts";
import type { HeadsItem } from "../store/sweep-items.ts";
import type { SweepDeps } from "./sweep-deps.ts";

const WIDTH = 8;
const CAUSE = { actor: "sweep", reason: "the project is gone or has another repository" };

/** Forgets a project: its heads and tags first, so that the database expires all of them. Its schedules end when they come due. */
export async function retireHeads(deps: SweepDeps, heads: HeadsItem): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const ttl = ttlAt(nowMs + HEAD_GONE_MS);
  const seen = (await deps.sweeps.listHeads(heads.pk)).filter((head) => head.state === "seen");
  await eachOf(seen, WIDTH, (head) =>
    deps.store.apply(headMoves.leave, head, { nowMs, seenSha: head.sha, ttl }, CAUSE),
  );
  await eachOf(await deps.sweeps.listTags(heads.pk), WIDTH, (tags) =>
    deps.store.apply(tagsMoves.retire, tags, { nowMs, seenVersion: tags.version, ttl }, CAUSE),
  );
  await deps.store.apply(headsMoves.retire, heads, { nowMs, ttl }, CAUSE);
  deps.log.info("a project's heads are forgotten", { project: heads.project });
}
