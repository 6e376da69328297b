import type { RunItem } from "../store/items.ts";
import type { StatusRef } from "../store/keys.ts";
import { plainLine } from "./report-text.ts";
import { digest } from "./specs.ts";

/**
 * The name under which a forge shows a check: `<file> / <check>`, of a pull request (and its merge queue) ` → <base>`. Rules that
 * protect branches name it, so it says which file and what was tested, and never the branch that comes and goes.
 */

/** GitHub's limit of a status' context. */
const NAME_LENGTH_MAX = 255;
const DIGEST_LENGTH = 8;
const FOLDER = /^\.baton\//;

export type Named = Pick<RunItem, "pipeline" | "pipelinePath" | "trigger">;

/** Without a check: of the whole run. Two that differ in anything have different names, also where one is cut. */
export function statusName({ pipeline, pipelinePath, trigger }: Named, check?: string): string {
  const file = pipelinePath?.replace(FOLDER, "") ?? pipeline;
  const tested = check === undefined ? file : `${file} / ${check}`;
  return shown(`${tested}${suffixOf(trigger)}`);
}

function suffixOf(trigger: RunItem["trigger"]): string {
  switch (trigger?.event) {
    case "pull_request":
      return trigger.base === undefined ? " (pull request)" : ` → ${trigger.base.branch}`;
    case "tag":
      return trigger.tag === undefined ? " (tag)" : ` (tag ${trigger.tag})`;
    case "schedule":
      return " (schedule)";
    default:
      return "";
  }
}

function shown(name: string): string {
  const plain = plainLine(name);
  if (plain === name && name.length <= NAME_LENGTH_MAX) return name;
  const mark = ` ~${digest(name).slice(0, DIGEST_LENGTH)}`;
  return `${plain.slice(0, NAME_LENGTH_MAX - mark.length).toWellFormed()}${mark}`;
}

/** What runs have in common of which the newest counts: its project, file, event and ref. A digest. */
export function laneOf({ project, pipeline, pipelinePath, trigger }: Named & Pick<RunItem, "project">): string {
  const { event, branch, tag, number, cron } = trigger ?? {};
  const ref = event === "pull_request" ? number : (tag ?? branch);
  return digest(JSON.stringify([project, pipelinePath ?? pipeline, event, ref, cron])).slice(0, LANE_LENGTH);
}
const LANE_LENGTH = 20;

/**
 * The lane under a name. GitHub takes names of commit statuses that differ in case alone for one, so `CI.yml` and `ci.yml`, or two
 * jobs of one run, may share it: each then has a lane of its own, and the worst of them is shown.
 * @see https://docs.github.com/rest/commits/statuses#create-a-commit-status
 */
export function laneUnder({ surface, name }: StatusRef, run: Parameters<typeof laneOf>[0]): string {
  const lane = laneOf(run);
  const isOnlyOne = surface === "checks" || name === name.toLowerCase();
  return isOnlyOne ? lane : digest(JSON.stringify([lane, name])).slice(0, LANE_LENGTH);
}

const TIME_DIGITS = 16;

/** Sorts the runs of a lane: a rerun is newer than what it repeats, also in the same millisecond. */
export function orderOf({ createdAtMs, rerunOf, runId }: Pick<RunItem, "createdAtMs" | "rerunOf" | "runId">): string {
  return `${String(createdAtMs).padStart(TIME_DIGITS, "0")}${rerunOf === undefined ? 0 : 1}${runId}`;
}

/** What a run is of, for people who see several under one name. */
export function aboutOf({ trigger }: Pick<Named, "trigger">): string {
  switch (trigger?.event) {
    case "pull_request":
      return `pull request ${trigger.number ?? "?"}`;
    case "tag":
      return `tag ${trigger.tag ?? "?"}`;
    case "schedule":
      return `schedule ${trigger.cron ?? ""} on ${trigger.branch ?? "?"}`;
    default:
      return `push to ${trigger?.branch ?? "?"}`;
  }
}

const EVENTS = { push: "", tag: " (tag)", pull_request: " (pull request)", schedule: " (schedule)" } as const;

/**
 * The name that a check had before names told the file. Runs that were open when Baton was upgraded keep theirs up to date
 * beside the new ones; no other run shows one.
 */
export function formerStatusName({ pipeline, trigger }: Named, check?: string): string {
  const suffix = EVENTS[trigger?.event ?? "push"];
  return plainLine(check === undefined ? `${pipeline}${suffix}` : `${pipeline} / ${check}${suffix}`);
}
