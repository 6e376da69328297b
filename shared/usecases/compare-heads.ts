import { headMoves, headsMoves } from "../domain/heads-moves.ts";
import { HEAD_GONE_MS, SWEEP_WHOLE_MS } from "../domain/limits.ts";
import { skipWordsOf } from "../pipeline/skip-words.ts";
import type { Trigger } from "../protocol/triggers.ts";
import type { ProjectItem } from "../store/items.ts";
import { branchKey, decidedKey, type HeadsRef, headsPartition, type Key, pullKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { HeadItem, HeadsItem } from "../store/sweep-items.ts";
import { sinceClosing } from "./closings.ts";
import { ForgeError, type RepositoryHeads } from "./forge.ts";
import { startTriggered } from "./start-triggered.ts";
import { headsRefOf, type IsOver, type SweepDeps } from "./sweep-deps.ts";
import { syncSchedules } from "./sync-schedules.ts";
import { triggerKey } from "./trigger-key.ts";

const CAUSE = { actor: "sweep" };

/** A branch or an open pull request as the forge shows it, with what a webhook would have said of it. */
interface Shown {
  readonly key: Key;
  readonly sha: string;
  /** `seen` is the commit that was handled before; undefined where the branch is new. */
  trigger(seen: string | undefined): Trigger;
}

/**
 * Starts what the forge's heads ask for and nobody has started, by the same keys as a webhook: what a webhook did start
 * is found decided. Each head moves on only after that, so that a crash anywhere repeats and changes nothing. Not whole
 * where time ran out. A head that cannot be started keeps no other, and no schedule, from its turn. Throws `ForgeError` where
 * the forge may answer later; an `AggregateError` of our own mistakes at last.
 */
export async function compareHeads(
  deps: SweepDeps,
  project: ProjectItem,
  heads: HeadsItem,
  isOver: IsOver,
): Promise<{ isWhole: boolean }> {
  const listedAtMs = deps.clock.nowMs();
  const isWholeDue = heads.etag === "" || Math.abs(listedAtMs - heads.listedAtMs) >= SWEEP_WHOLE_MS;
  const listed = await deps.forge.listHeads(project, isWholeDue ? undefined : heads.etag);
  if (listed === undefined) {
    if (heads.failures > 0) await settle(deps, heads, heads);
    return { isWhole: true };
  }
  const ref = headsRefOf(project);
  const shown = shownHeads(ref, listed, listedAtMs);
  const known = new Map((await deps.sweeps.listHeads(headsPartition(ref))).map((head) => [head.sk, head]));
  // What a cut list leaves out is not gone, and what it shows first after one may be old.
  const isBlind = listed.isCut || heads.isCut;
  const started = await startDiffering(deps, project, { shown, known, isOver, isBlind });
  if (started === "over") return { isWhole: false };
  if (!listed.isCut) await leaveGone(deps, shown, known);
  const schedulesSha = await syncSchedulesAtHead(deps, project, heads, listed);
  // After a mistake of ours the whole list is due at once; what the forge refuses comes again with the next whole list.
  const etag = started.mistakes.length > 0 ? "" : (listed.etag ?? "");
  await settle(deps, heads, { etag, listedAtMs, schedulesSha, isCut: listed.isCut });
  if (started.mistakes.length > 0) throw new AggregateError(started.mistakes, started.mistakes.join("; "));
  return { isWhole: true };
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
    return { key: pullKey(ref, pull.number), sha: pull.sha, trigger };
  });
  return new Map([...branches, ...pulls].map((one) => [one.key.sk, one]));
}

export function headItem(tenant: string, { key, sha }: Pick<Shown, "key" | "sha">): HeadItem {
  return { ...key, v: ITEM_VERSION, tenant, family: "head", state: "seen", sha, history: {} };
}

interface Differing {
  readonly shown: ReadonlyMap<string, Shown>;
  readonly known: ReadonlyMap<string, HeadItem>;
  readonly isOver: IsOver;
  /** Heads that are new here are remembered alone. */
  readonly isBlind: boolean;
}

async function startDiffering(
  deps: SweepDeps,
  project: ProjectItem,
  all: Differing,
): Promise<"over" | { readonly mistakes: readonly unknown[] }> {
  const mistakes: unknown[] = [];
  for (const [name, head] of all.shown) {
    const known = all.known.get(name);
    if (known?.state === "seen" && known.sha === head.sha) continue;
    if (all.isOver()) return "over";
    if (known === undefined && all.isBlind) {
      await deps.store.birthEach([headItem(project.tenant, head)]);
      continue;
    }
    try {
      await startHead(deps, project, head, known);
    } catch (error) {
      // A forge that may answer later is left alone until then; what it refuses for one head it may do for another.
      if (error instanceof ForgeError && error.retry) throw error;
      if (error instanceof ForgeError) tellRefusal(deps, project, name, error);
      else mistakes.push(error);
    }
  }
  return { mistakes };
}

function tellRefusal(deps: SweepDeps, { name }: ProjectItem, head: string, { message }: ForgeError): void {
  deps.metrics.count("SweepFailed", 1, { part: "projects" });
  deps.log.warn("the forge refuses what a head needs; it is asked again with the next whole list", {
    project: name,
    head,
    error: message,
  });
}

async function startHead(
  deps: SweepDeps,
  project: ProjectItem,
  head: Shown,
  known: HeadItem | undefined,
): Promise<void> {
  const shown = head.trigger(known?.state === "seen" ? known.sha : undefined);
  const trigger = await sinceClosing(deps, project.name, shown);
  const decided = decidedKey(project.tenant, triggerKey(project.name, trigger));
  // What a webhook told is decided, and costs no call of the forge.
  if ((await deps.triggers.getDecided(decided)) === undefined)
    await startTriggered(deps, project, await withSkipWords(deps, project, trigger), "sweep");
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

async function leaveGone(deps: SweepDeps, shown: Differing["shown"], known: Differing["known"]): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const ttl = Math.ceil((nowMs + HEAD_GONE_MS) / 1_000);
  for (const [name, head] of known) {
    if (shown.has(name) || head.state === "gone") continue;
    await deps.store.apply(headMoves.leave, head, { nowMs, seenSha: head.sha, ttl }, CAUSE);
  }
}

/** Answers the commit whose schedules are now kept. */
async function syncSchedulesAtHead(
  deps: SweepDeps,
  project: ProjectItem,
  heads: HeadsItem,
  listed: RepositoryHeads,
): Promise<string> {
  // A repository without a commit has no default branch yet.
  if (listed.branches.length === 0) return heads.schedulesSha;
  const { sha } = await deps.forge.defaultBranch(project);
  if (sha !== heads.schedulesSha) await syncSchedules(deps, project, sha);
  return sha;
}

async function settle(
  deps: SweepDeps,
  { wakeAtMs, ...heads }: HeadsItem,
  { etag, listedAtMs, schedulesSha, isCut }: Pick<HeadsItem, "etag" | "listedAtMs" | "schedulesSha" | "isCut">,
): Promise<void> {
  const args = { nowMs: deps.clock.nowMs(), seenWakeAtMs: wakeAtMs, wakeAtMs, etag, listedAtMs, schedulesSha, isCut };
  await deps.store.apply(headsMoves.settle, heads, args, CAUSE);
}
