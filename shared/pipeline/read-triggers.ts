import { SCHEDULES_MAX, TRIGGER_PATTERN_LENGTH_MAX, TRIGGER_PATTERNS_MAX } from "../domain/limits.ts";
import { cronMistake } from "./cron.ts";
import { deadPatternMistake, excludedBy, type NameKind } from "./dead-pattern.ts";
import type { Schedule, Triggers } from "./definition.ts";
import { globMistake } from "./match-glob.ts";
import { quoted } from "./problem.ts";
import { atMost, type Fields, readBoolean, readFields, readText, readWords, type Slot } from "./read-values.ts";
import { suggest } from "./suggest.ts";
import { typeOf } from "./tree.ts";

const TRIGGERS = ["push", "pull_request", "schedule", "manual"];
/** Triggers that need no settings, and so may stand as bare words. */
const BARE = ["push", "pull_request", "manual"];

/** `on`: a trigger, a list of triggers, or a map of triggers with their filters. */
export function readTriggers(slot: Slot | undefined): Triggers | undefined {
  if (slot === undefined) return undefined;
  if (slot.tree.kind !== "map") return readBareTriggers(slot);
  const fields = readFields(slot, TRIGGERS);
  if (fields === undefined) return undefined;
  const push = readFilters(fields, "push", ["branches", "tags", "paths"]);
  const pullRequest = readFilters(fields, "pull_request", ["branches", "paths"]);
  return {
    push: push && { branches: push("branches", "branch"), tags: push("tags", "tag"), paths: push("paths", "path") },
    pullRequest: pullRequest && { branches: pullRequest("branches", "branch"), paths: pullRequest("paths", "path") },
    schedule: readSchedules(fields.slot("schedule")),
    manual: isEmpty(fields.slot("manual")) || readBoolean(fields.slot("manual"), false),
  };
}

function readBareTriggers(slot: Slot): Triggers {
  const words = readWords(slot, BARE.length, "on");
  for (const { value, at } of words) {
    if (value === "schedule")
      slot.problems.report(at, 'schedule needs its times: on: {schedule: [{cron: "0 4 * * *"}]}');
    else if (!BARE.includes(value)) {
      slot.problems.report(at, `${quoted(value)} is not a trigger`, () => suggest(value, TRIGGERS));
    }
  }
  const has = (trigger: string) => words.some((word) => word.value === trigger);
  return {
    push: has("push") ? { branches: [], tags: [], paths: [] } : undefined,
    pullRequest: has("pull_request") ? { branches: [], paths: [] } : undefined,
    schedule: [],
    manual: has("manual"),
  };
}

/** `push:` with nothing after it is a trigger without filters. */
function isEmpty(slot: Slot | undefined): boolean {
  return slot !== undefined && slot.tree.kind === "scalar" && slot.tree.value === null;
}

type FilterReader = (key: string, kind: NameKind) => string[];

function readFilters(triggers: Fields, trigger: string, keys: readonly string[]): FilterReader | undefined {
  const slot = triggers.slot(trigger);
  if (slot === undefined) return undefined;
  if (isEmpty(slot)) return () => [];
  const fields = readFields(slot, keys);
  return fields && ((key, kind) => readPatterns(fields.slot(key), kind));
}

function readPatterns(slot: Slot | undefined, kind: NameKind): string[] {
  if (slot === undefined) return [];
  refuseEmptyList(slot, "leave it out to match everything, or leave out its trigger");
  const patterns = readWords(slot, TRIGGER_PATTERNS_MAX, "TRIGGER_PATTERNS_MAX").filter(({ value, at }) => {
    const mistake = patternMistake(value, slot.what, kind);
    if (mistake !== undefined) slot.problems.report(at, `${quoted(value)} ${mistake}`);
    return mistake === undefined;
  });
  const excluding = patterns.filter(({ value }) => value.startsWith("!")).map(({ value }) => value.slice(1));
  for (const { value, at } of patterns) {
    const by = value.startsWith("!") ? undefined : excludedBy(value, excluding);
    if (by !== undefined)
      slot.problems.report(at, `${quoted(value)} matches nothing: ${quoted(`!${by}`)} leaves it out`);
    if (value === "!**") slot.problems.report(at, `"!**" leaves out everything: leave out its trigger instead`);
  }
  return patterns.map(({ value }) => value);
}

const REF_PATTERN = /^!?[^\s\p{Cc}!][^\s\p{Cc}]*$/u;
/** Folders and files may have spaces in their names. */
const PATH_PATTERN = /^!?[^\s\p{Cc}!](?:\P{Cc}*[^\s\p{Cc}])?$/u;

function patternMistake(value: string, what: string, kind: NameKind): string | undefined {
  const shape = kind === "path" ? PATH_PATTERN : REF_PATTERN;
  const spaces = kind === "path" ? ", with no space at an end" : " without spaces";
  if (value.length > TRIGGER_PATTERN_LENGTH_MAX || !shape.test(value))
    return `is not a pattern of ${what}: 1 to ${TRIGGER_PATTERN_LENGTH_MAX} characters${spaces}`;
  const glob = value.replace(/^!/, "");
  return globMistake(glob) ?? deadPatternMistake(glob, kind);
}

/** Without the filter everything matches; whoever wrote an empty one may have meant the opposite. */
function refuseEmptyList({ tree, what, problems }: Slot, advice: string): void {
  if (tree.kind === "list" && tree.items.length === 0) problems.missing(tree.at, `${what} is an empty list: ${advice}`);
}

function readSchedules(slot: Slot | undefined): Schedule[] {
  if (slot === undefined) return [];
  if (slot.tree.kind !== "list") {
    slot.problems.report(slot.tree.at, `${slot.what} must be a list of {cron, branch}, not ${typeOf(slot.tree)}`);
    return [];
  }
  refuseEmptyList(slot, "leave it out, or name a time");
  const items = atMost(slot.tree.items, { max: SCHEDULES_MAX, limit: "SCHEDULES_MAX", slot });
  return items.flatMap((tree, index) => readSchedule({ ...slot, what: `${slot.what}[${index}]`, tree }));
}

function readSchedule(slot: Slot): Schedule[] {
  const fields = readFields(slot, ["cron", "branch"]);
  if (fields === undefined) return [];
  const cron = readText(fields.slot("cron"));
  if (fields.slot("cron") === undefined) slot.problems.missing(fields.at, `${slot.what} needs "cron"`);
  const mistake = cron && cronMistake(cron.value);
  if (mistake !== undefined) slot.problems.report(cron?.at ?? fields.at, `${slot.what}.cron: ${mistake}`);
  const branch = readBranch(fields.slot("branch"));
  return cron === undefined ? [] : [{ cron: cron.value, branch }];
}

/** One branch, since a schedule has one commit to run: no pattern. */
function readBranch(slot: Slot | undefined): string | undefined {
  const text = readText(slot);
  if (slot === undefined || text === undefined) return undefined;
  const isName = text.value.length <= TRIGGER_PATTERN_LENGTH_MAX && /^[^\s\p{Cc}~^:?*[\\!]+$/u.test(text.value);
  const mistake = isName ? deadPatternMistake(text.value, "branch") : "is not the name of one branch";
  if (mistake === undefined) return text.value;
  slot.problems.report(text.at, `${slot.what}: ${quoted(text.value)} ${mistake}`);
  return undefined;
}
