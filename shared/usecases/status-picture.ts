import { STATUS_DETAILED_MAX } from "../domain/limits.ts";
import { worstEntry } from "../domain/status-moves.ts";
import type { StatusRef } from "../store/keys.ts";
import type { Shown, StatusEntry, StatusItem } from "../store/report-items.ts";
import type { ForgeStatus } from "./forge.ts";
import { inlineCode, markdownRows } from "./report-text.ts";
import { digest } from "./specs.ts";

/** What a forge is to show of a status, and whether it does already: a call of the forge that changes nothing is not made. */

export interface Picture {
  readonly worst: StatusEntry;
  /** Of what differs when it is shown. */
  readonly digest: string;
  readonly isCompleted: boolean;
  /** What decides whether a merge is let through. */
  readonly word: string;
  /** Each that is sent stays beside those before, and there is a limit of them. */
  readonly isAppended: boolean;
}

const ROWS_MAX = 20;

export function pictureOf({ surface }: StatusRef, { entries, name }: StatusItem): Picture {
  const worst = worstEntry(entries);
  if (worst === undefined) throw new Error(`status ${name} has no entry`);
  const { state, conclusion, title, runId, check } = worst;
  const isCompleted = state === "completed";
  const word = isCompleted ? (conclusion ?? "") : "pending";
  // A commit status says once that it has not ended, and not each step on the way.
  const appended = isCompleted ? [word, title, runId, check] : [word];
  const all = Object.values(entries).map((entry) => [entry.runId, entry.digest]);
  const isAppended = surface === "statuses";
  return {
    worst,
    isCompleted,
    word,
    isAppended,
    digest: digest(JSON.stringify(isAppended ? appended : [runId, all.sort()])),
  };
}

/** Of one name at one commit a forge keeps so many statuses and no more: late ones are only sent where the result differs. */
export function shownAlready(picture: Picture, shown: Shown): boolean {
  if (shown.digest === undefined) return false;
  if (shown.digest === picture.digest) return true;
  if (!picture.isAppended || shown.sends < STATUS_DETAILED_MAX) return false;
  return shown.word === picture.word || !picture.isCompleted;
}

/**
 * Where it is to be shown; undefined where the forge is to look for the place, or make one: no completed one goes on, and where a
 * sender died, or was late, the newest may be another than the one that is known.
 */
export function placeOf({ isCompleted, word }: Picture, shown: Shown): string | undefined {
  const goesOn = !shown.isCompleted || (isCompleted && (shown.word === word || shown.word !== "action_required"));
  return shown.digest === undefined || !goesOn ? undefined : shown.id;
}

/** The worst entry's status, with what else answers under the name. */
export function withOthers(status: ForgeStatus, picture: Picture, { entries }: StatusItem): ForgeStatus {
  const others = Object.values(entries).filter(({ runId }) => runId !== picture.worst.runId);
  if (picture.isAppended && !picture.isCompleted) return { ...status, title: "Has not ended yet" };
  return { ...status, summary: [status.summary, ...othersTable(others)].join("\n\n") };
}

function othersTable(others: readonly StatusEntry[]): string[] {
  if (others.length === 0) return [];
  const newest = others.toSorted((a, b) => (a.order < b.order ? 1 : -1));
  const rows = newest
    .slice(0, ROWS_MAX)
    .map(({ about, runId, title }) => [inlineCode(about), inlineCode(title), inlineCode(runId)]);
  const more = others.length > ROWS_MAX ? [`… and ${others.length - ROWS_MAX} more`] : [];
  const head = "Other runs report under this name, too; the worst is shown:";
  return [head, markdownRows(["of", "state", "run"], rows), ...more];
}
