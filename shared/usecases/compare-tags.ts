import { tagsMoves } from "../domain/heads-moves.ts";
import { SWEEP_TAGS_MAX, SWEEP_WHOLE_MS } from "../domain/limits.ts";
import { eachOf } from "../lib/each-of.ts";
import { triggerSchema } from "../protocol/triggers.ts";
import type { ProjectItem } from "../store/items.ts";
import { type HeadsRef, headsPartition, tagsKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { HeadsItem, TagsItem } from "../store/sweep-items.ts";
import type { RepositoryTags, TagHead } from "./forge.ts";
import { isTooManyTags, joinSeen, parseSeen, seenAfter, shareOut } from "./seen-tags.ts";
import { type Handled, startEach } from "./start-each.ts";
import { startTriggered } from "./start-triggered.ts";
import { type Comparing, headsRefOf, type IsOver, type SweepDeps } from "./sweep-deps.ts";

type Marks = Pick<HeadsItem, "tagsEtag" | "tagsListedAtMs">;
type Shares = ReturnType<typeof shareOut>;
type Known = ReadonlyMap<string, TagsItem>;

const WIDTH = 8;
const CAUSE = { actor: "sweep" };
/** In the place of a mark, and none that a forge gives: there were more tags than can be compared. */
const TOO_MANY = "too many";
const NONE: ReadonlySet<string> = new Set();

/**
 * Starts what tags ask for that are new, or were moved, and nobody has started, by the same keys as a webhook. A share of
 * the tags is remembered only when its new ones are handled. Throws `ForgeError` where the forge may answer later.
 */
export async function compareTags(
  deps: SweepDeps,
  project: ProjectItem,
  heads: HeadsItem,
  { isOver, verify }: Comparing,
): Promise<"over" | { readonly marks?: Marks; readonly mistakes: readonly unknown[] }> {
  const listedAtMs = deps.clock.nowMs();
  const isWholeDue = heads.tagsEtag === "" || Math.abs(listedAtMs - heads.tagsListedAtMs) >= SWEEP_WHOLE_MS;
  if (heads.tagsEtag === TOO_MANY && !isWholeDue) return { mistakes: [] };
  const listed = await deps.forge.listTags(project, isWholeDue ? undefined : heads.tagsEtag);
  if (listed === undefined) return { mistakes: [] };
  await verify();
  const tooMany: Marks = { tagsEtag: TOO_MANY, tagsListedAtMs: listedAtMs };
  if (heads.tagsListedAtMs === 0 || heads.tagsEtag === TOO_MANY)
    return { marks: (await seeTags(deps, project, listed)) ?? tooMany, mistakes: [] };
  const shares = sharesOf(deps, project, listed);
  if (shares === undefined) return { marks: tooMany, mistakes: [] };
  const ref = headsRefOf(project);
  const known: Known = new Map((await deps.sweeps.listTags(headsPartition(ref))).map((item) => [item.sk, item]));
  const handled = await startNew(deps, project, { shares, known, listedAtMs }, isOver);
  await noteAll(deps, ref, shares, { known, left: handled.left });
  if (handled.ended === "over") return "over";
  if (handled.ended !== undefined) throw handled.ended;
  const etag = handled.mistakes.length > 0 || handled.isUnsure ? "" : (listed.etag ?? "");
  return { marks: { tagsEtag: etag, tagsListedAtMs: listedAtMs }, mistakes: handled.mistakes };
}

/** Remembers all tags as they are, and starts nothing: a first sight. Undefined where there are too many: those stay unseen. */
export async function seeTags(
  deps: SweepDeps,
  project: ProjectItem,
  listed: RepositoryTags,
): Promise<Marks | undefined> {
  const shares = sharesOf(deps, project, listed);
  if (shares === undefined) return undefined;
  const nowMs = deps.clock.nowMs();
  const ref = headsRefOf(project);
  const known: Known = new Map((await deps.sweeps.listTags(headsPartition(ref))).map((item) => [item.sk, item]));
  await noteAll(deps, ref, shares, { known, left: NONE });
  return { tagsEtag: listed.etag ?? "", tagsListedAtMs: nowMs };
}

/** Undefined where there are more than can be listed, or remembered. */
function sharesOf(deps: SweepDeps, { name }: ProjectItem, { isCut, tags }: RepositoryTags): Shares | undefined {
  const shares = shareOut(tags);
  if (!isCut && !isTooManyTags(shares)) return shares;
  deps.log.warn("a repository has too many tags to compare: a lost push of one is not found", { project: name });
  return undefined;
}

interface Shared {
  readonly shares: Shares;
  readonly known: Known;
  readonly listedAtMs: number;
}

async function startNew(
  deps: SweepDeps,
  project: ProjectItem,
  { shares, known, listedAtMs }: Shared,
  isOver: IsOver,
): Promise<Handled> {
  const ref = headsRefOf(project);
  const differing = [...shares].flatMap(([share, tags]) => {
    const seen = parseSeen(known.get(tagsKey(ref, share).sk)?.seen ?? "");
    return [...tags].filter(([name]) => !seen.has(name));
  });
  if (differing.length > SWEEP_TAGS_MAX) {
    deps.log.warn("so many tags are new at once that they are remembered alone", {
      project: project.name,
      tags: differing.length,
    });
    return { left: NONE, mistakes: [], isUnsure: false };
  }
  const all = differing.map(([name, tag]) => ({ name, handle: () => startTag(deps, project, tag, listedAtMs) }));
  return startEach(deps, project, all, isOver);
}

/** The time is that of the question, as for heads. */
async function startTag(deps: SweepDeps, project: ProjectItem, tag: TagHead, listedAtMs: number): Promise<void> {
  const sha = await deps.forge.commitOfTag(project, tag);
  const trigger = triggerSchema.safeParse({ event: "tag", sha, tag: tag.tag, occurredAtMs: listedAtMs });
  // A webhook of it would have been ignored, too: a tag of no commit, or of no name that we take.
  if (trigger.success) await startTriggered(deps, project, trigger.data, "sweep");
}

interface Noting {
  readonly known: Known;
  readonly left: ReadonlySet<string>;
}

async function noteAll(deps: SweepDeps, ref: HeadsRef, shares: Shares, noting: Noting): Promise<void> {
  await eachOf([...shares], WIDTH, ([share, tags]) => note(deps, ref, share, { ...noting, listed: tags.keys() }));
}

async function note(
  deps: SweepDeps,
  ref: HeadsRef,
  share: string,
  { known, left, listed }: Noting & { readonly listed: Iterable<string> },
): Promise<void> {
  const key = tagsKey(ref, share);
  const item = known.get(key.sk);
  const seen = joinSeen(seenAfter(parseSeen(item?.seen ?? ""), listed, left));
  if (item === undefined) {
    if (seen !== "") await deps.store.birthEach([tagsItem(ref, share, seen)]);
  } else if (seen !== item.seen || item.ttl !== undefined) {
    await deps.store.apply(tagsMoves.note, key, { nowMs: deps.clock.nowMs(), seenVersion: item.version, seen }, CAUSE);
  }
}

function tagsItem(ref: HeadsRef, share: string, seen: string): TagsItem {
  const base = { ...tagsKey(ref, share), v: ITEM_VERSION, tenant: ref.tenant } as const;
  return { ...base, family: "tags", state: "kept", version: 1, seen, history: {} };
}
