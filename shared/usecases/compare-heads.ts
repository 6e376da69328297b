import { headMoves } from "../domain/heads-moves.ts";
import { HEAD_GONE_MS, SWEEP_WHOLE_MS } from "../domain/limits.ts";
import { skipWordsOf } from "../pipeline/skip-words.ts";
import type { Trigger } from "../protocol/triggers.ts";
import { ttlAt } from "../store/item-base.ts";
import type { ProjectItem } from "../store/items.ts";
import {
  branchKey,
  decidedKey,
  type HeadsRef,
  headsPartition,
  type Key,
  headOf as namedHeadOf,
  pullKey,
} from "../store/keys.ts";
import type { HeadItem, HeadsItem } from "../store/sweep-items.ts";
import { isClosing, sinceClosing } from "./closings.ts";
import { isAbsenceUnsure } from "./confirm-absence.ts";
import { headItem, seenCommitOf } from "./doubt-head.ts";
import { ForgeError, type RepositoryHeads } from "./forge.ts";
import { commitOf, headOf } from "./place-order.ts";
import { type Differing, startEach } from "./start-each.ts";
import { startTriggered } from "./start-triggered.ts";
import { type Comparing, headsRefOf, type SweepDeps } from "./sweep-deps.ts";
import { syncSchedules } from "./sync-schedules.ts";
import { triggerKey } from "./trigger-key.ts";

const CAUSE = { actor: "sweep" };

/** A branch or an open pull request as the forge shows it, with what a webhook would have said of it. */
interface Shown {
  readonly key: Key;
  /** Its commit, and of a pull request its base. */
  readonly sha: string;
  /** `seen` is the commit that was handled before; undefined where the branch is new. */
  trigger(seen: string | undefined): Trigger;
}

type Marks = Pick<HeadsItem, "etag" | "listedAtMs" | "schedulesSha" | "isCut">;

/**
 * Starts what the forge's heads ask for and nobody has started, by the same keys as a webhook: what a webhook did start
 * is found decided. Each head moves on only after that. A head that cannot be handled keeps no other, and no schedule, from
 * its turn. Throws `ForgeError` where the forge may answer later.
 */
export async function compareHeads(
  deps: SweepDeps,
  project: ProjectItem,
  heads: HeadsItem,
  { isOver, verify }: Comparing,
): Promise<"over" | { readonly marks?: Marks; readonly mistakes: readonly unknown[] }> {
  const listedAtMs = deps.clock.nowMs();
  const isWholeDue = heads.etag === "" || Math.abs(listedAtMs - heads.listedAtMs) >= SWEEP_WHOLE_MS;
  const listed = await deps.forge.listHeads(project, isWholeDue ? undefined : heads.etag);
  if (listed === undefined) return { mistakes: [] };
  await verify();
  const ref = headsRefOf(project);
  const shown = shownHeads(ref, listed, listedAtMs);
  const known = new Map((await deps.sweeps.listHeads(headsPartition(ref))).map((head) => [head.sk, head]));
  // What a cut list leaves out is not gone, and what it shows first after one may be old.
  const isBlind = listed.isCut || heads.isCut;
  const gone = listed.isCut ? [] : goneHeads(deps, project, shown, known);
  const differing = [...differingHeads(deps, project, { shown, known, isBlind }), ...gone];
  const handled = await startEach(deps, project, differing, isOver);
  if (handled.ended === "over") return "over";
  if (handled.ended !== undefined) throw handled.ended;
  const { schedulesSha, isUnsure } = await syncSchedulesAtHead(deps, project, heads, listed);
  // After a mistake of ours, or what the forge may show later, the whole list is due at once; what it refuses comes again with the next whole list.
  const isDueAgain = handled.mistakes.length > 0 || handled.isUnsure || isUnsure;
  const etag = isDueAgain ? "" : (listed.etag ?? "");
  return { marks: { etag, listedAtMs, schedulesSha, isCut: listed.isCut }, mistakes: handled.mistakes };
}

/** The time is that of the question: whatever is pushed later has a later one, and supersedes it. */
export function shownHeads(ref: HeadsRef, listed: RepositoryHeads, listedAtMs: number): ReadonlyMap<string, Shown> {
  const branches = listed.branches.map(({ branch, sha }): Shown => {
    const trigger = (before?: string): Trigger => ({
      event: "push",
      sha,
      branch,
      occurredAtMs: listedAtMs,
      ...(before === undefined ? {} : { before }),
    });
    return { key: branchKey(ref, branch), sha, trigger };
  });
  const pulls = listed.pulls.map((pull): Shown => {
    const trigger = (before?: string): Trigger => ({ ...pull, ...(before === undefined ? {} : { before }) });
    return { key: pullKey(ref, pull.number), sha: headOf(pull), trigger };
  });
  return new Map([...branches, ...pulls].map((one) => [one.key.sk, one]));
}

interface Heads {
  readonly shown: ReadonlyMap<string, Shown>;
  readonly known: ReadonlyMap<string, HeadItem>;
  /** Heads that are new here are remembered alone. */
  readonly isBlind: boolean;
}

function differingHeads(deps: SweepDeps, project: ProjectItem, { shown, known, isBlind }: Heads): Differing[] {
  return [...shown].flatMap(([name, head]) => {
    const before = known.get(name);
    // An older Baton has kept the commit alone.
    if (before?.state === "seen" && [head.sha, commitOf(head.sha)].includes(before.sha)) return [];
    const isRemembered = before === undefined && isBlind;
    const handle = () =>
      isRemembered ? deps.store.birthEach([headItem(project.tenant, head)]) : startHead(deps, project, head, before);
    return [{ name, handle }];
  });
}

async function startHead(
  deps: SweepDeps,
  project: ProjectItem,
  head: Shown,
  known: HeadItem | undefined,
): Promise<void> {
  const shown = head.trigger(known?.state === "seen" ? seenCommitOf(known) : undefined);
  const trigger = await sinceClosing(deps, project.name, shown);
  const decided = await deps.triggers.getDecided(decidedKey(project.tenant, triggerKey(project.name, trigger)));
  // What a webhook told is decided, and costs no call of the forge, unless a push back is to be found.
  const asTold = decided === undefined ? await withSkipWords(deps, project, trigger) : trigger;
  if (decided === undefined || decided.turns !== undefined) await startTriggered(deps, project, asTold, "sweep");
  if (known === undefined) return deps.store.birthEach([headItem(project.tenant, head)]);
  const args = { nowMs: deps.clock.nowMs(), seenSha: known.sha, sha: head.sha };
  await deps.store.apply(headMoves.advance, head.key, args, CAUSE);
}

/** As the webhook's payload would have said it. */
async function withSkipWords(deps: SweepDeps, project: ProjectItem, trigger: Trigger): Promise<Trigger> {
  if (trigger.event !== "push") return trigger;
  const skip = skipWordsOf(await deps.forge.commitMessage(project, trigger.sha));
  return skip === undefined ? trigger : { ...trigger, skip };
}

function goneHeads(deps: SweepDeps, project: ProjectItem, shown: Heads["shown"], known: Heads["known"]): Differing[] {
  return [...known]
    .filter(([name, head]) => head.state === "seen" && !shown.has(name))
    .map(([name, head]) => ({ name, handle: () => leaveHead(deps, project, head) }));
}

/**
 * Pages of a list are of no one moment, so a head that is there may be in none of them: the forge is asked for it alone. What
 * the next list shows of it is compared then.
 */
async function leaveHead(deps: SweepDeps, project: ProjectItem, head: HeadItem): Promise<void> {
  const named = namedHeadOf(head);
  const isThere =
    "branch" in named
      ? (await deps.forge.branchHead(project, named.branch)) !== undefined
      : await closeUnlessOpen(deps, project, named.number);
  if (isThere) return;
  const nowMs = deps.clock.nowMs();
  const args = { nowMs, seenSha: head.sha, ttl: ttlAt(nowMs + HEAD_GONE_MS) };
  await deps.store.apply(headMoves.leave, head, args, CAUSE);
}

/** Where it is closed, what the webhook of that does is done, once more where it did. Answers whether it is open. */
async function closeUnlessOpen(deps: SweepDeps, project: ProjectItem, number: number): Promise<boolean> {
  const pull = await deps.forge.readPull(project, number);
  if (pull === undefined) return false;
  if (!isClosing(pull)) return true;
  await startTriggered(deps, project, pull, "sweep").catch(refuseMissing);
  return false;
}

/** A commit of a pull request that was open is not still to come: where it is not there, nothing else waits for it. */
function refuseMissing(error: unknown): never {
  if (!(error instanceof ForgeError) || error.status !== 404) throw error;
  throw new ForgeError(error.message, { status: 404, retry: false, cause: error });
}

/** Answers the commit whose schedules are now kept; unsure where the forge may show others later. */
async function syncSchedulesAtHead(
  deps: SweepDeps,
  project: ProjectItem,
  heads: HeadsItem,
  listed: RepositoryHeads,
): Promise<{ readonly schedulesSha: string; readonly isUnsure: boolean }> {
  const { schedulesSha } = heads;
  // A repository without a commit has no default branch yet.
  if (listed.branches.length === 0) return { schedulesSha, isUnsure: false };
  const { sha } = await deps.forge.defaultBranch(project);
  try {
    if (sha !== schedulesSha) await syncSchedules(deps, project, sha);
  } catch (error) {
    if (!isAbsenceUnsure(error)) throw error;
    return { schedulesSha, isUnsure: true };
  }
  return { schedulesSha: sha, isUnsure: false };
}
