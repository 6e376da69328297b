import { headMoves, headsMoves } from "../domain/heads-moves.ts";
import { eachApart } from "../lib/each-apart.ts";
import { eachOf } from "../lib/each-of.ts";
import type { ProjectItem } from "../store/items.ts";
import { HEADS_SHARD, headsKey, headsPartition } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { HeadsItem } from "../store/sweep-items.ts";
import { shownHeads } from "./compare-heads.ts";
import { seeTags } from "./compare-tags.ts";
import { headItem, seenCommitOf } from "./doubt-head.ts";
import { followRepository } from "./follow-repository.ts";
import { ForgeError } from "./forge.ts";
import { headsRefOf, type IsOver, type SweepDeps } from "./sweep-deps.ts";

const WIDTH = 4;
const HEADS_WIDTH = 8;
const CAUSE = { actor: "sweep" };

/**
 * Looks at each project that sweep does not know yet: its heads and tags as they stand are the baseline, from which nothing
 * starts. Its schedules follow with its first comparison, which is due at once. Answers how many are known.
 */
export async function discoverProjects(deps: SweepDeps, isOver: IsOver): Promise<number> {
  const projects = await deps.projects.listProjects(deps.settings.tenant);
  return eachApart(projects, WIDTH, async (project) => !isOver() && (await discover(deps, project)));
}

async function discover(deps: SweepDeps, project: ProjectItem): Promise<boolean> {
  const found = await deps.sweeps.getHeads(headsKey(headsRefOf(project)));
  if (found?.state === "active") return true;
  try {
    await seeFirst(deps, await followRepository(deps, project), found);
    return true;
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    deps.metrics.count("SweepFailed", 1, { part: "projects" });
    deps.log.warn("a new project cannot be seen yet", { project: project.name, error: error.message });
    return false;
  }
}

/** The heads and tags first, the item that lets them be compared last: a crash in between is a first sight again. */
async function seeFirst(deps: SweepDeps, project: ProjectItem, retired: HeadsItem | undefined): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const ref = headsRefOf(project);
  const listed = await deps.forge.listHeads(project, undefined);
  if (listed === undefined) throw new Error("a forge answered that nothing changed since nothing");
  const known = new Map((await deps.sweeps.listHeads(headsPartition(ref))).map((head) => [head.sk, head]));
  await eachOf([...shownHeads(ref, listed, nowMs).values()], HEADS_WIDTH, async (head) => {
    const before = known.get(head.key.sk);
    if (before === undefined) {
      await deps.store.birthEach([headItem(project.tenant, head)]);
      return;
    }
    // A delivery of it is still to be decided.
    if (before.state === "seen" && seenCommitOf(before) === undefined) return;
    const args = { nowMs, seenSha: before.sha, sha: head.sha };
    await deps.store.apply(headMoves.advance, head.key, args, CAUSE);
  });
  const tags = await deps.forge.listTags(project, undefined);
  if (tags === undefined) throw new Error("a forge answered that nothing changed since nothing");
  const tagsListedAtMs = (await seeTags(deps, project, tags))?.tagsListedAtMs ?? 0;
  if (retired === undefined)
    await deps.store.birthEach([headsItem(project, { nowMs, tagsListedAtMs, isCut: listed.isCut })]);
  else {
    const args = { nowMs, tagsListedAtMs, wakeAtMs: nowMs, dueShard: HEADS_SHARD };
    await deps.store.apply(headsMoves.revive, headsKey(ref), args, CAUSE);
  }
  deps.log.info("first sight of a project", {
    project: project.name,
    branches: listed.branches.length,
    pulls: listed.pulls.length,
    tags: tags.tags.length,
  });
}

interface FirstSight extends Pick<HeadsItem, "isCut" | "tagsListedAtMs"> {
  readonly nowMs: number;
}

function headsItem(project: ProjectItem, { nowMs, tagsListedAtMs, isCut }: FirstSight): HeadsItem {
  return {
    ...headsKey(headsRefOf(project)),
    v: ITEM_VERSION,
    tenant: project.tenant,
    family: "heads",
    state: "active",
    project: project.name,
    wakeAtMs: nowMs,
    dueShard: HEADS_SHARD,
    etag: "",
    listedAtMs: nowMs,
    doubts: 0,
    isCut,
    tagsEtag: "",
    tagsListedAtMs,
    schedulesSha: "",
    failures: 0,
    createdAtMs: nowMs,
    history: {},
  };
}
