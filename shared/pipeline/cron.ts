import { Cron, CronPattern } from "croner";
import { SKIPPED_COUNT_MAX } from "../domain/limits.ts";

/** Cron expressions of five fields, in UTC: POSIX crontab with names, ranges, lists and steps. Croner reads and counts them. */

const FIELDS = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12 },
  { name: "day of week", min: 0, max: 7 },
] as const;

/** Croner's own words, such as L, W, # and @daily, are no cron of POSIX: other tools would not know them. */
const RANGE = /^(?:\*|(?:\d{1,2}|[a-z]{3})(?:-(?:\d{1,2}|[a-z]{3}))?)(?:\/\d{1,2})?$/i;

/** Why a text is not a cron expression, or undefined. */
export function cronMistake(text: string): string | undefined {
  const parts = text.trim().split(/[ \t]+/);
  if (parts.length !== FIELDS.length) {
    return `a cron expression has five fields (minute, hour, day of month, month, day of week), not ${parts.length}`;
  }
  const wrong = FIELDS.find((_, index) => !isField(parts[index] ?? "", index));
  if (wrong !== undefined)
    return `the ${wrong.name} of a cron expression is *, or numbers from ${wrong.min} to ${wrong.max} as 1,3 or 1-5 or */2`;
  return nextDueMs(text, 0) === undefined ? `${text.trim()} never comes: no month has such a day` : undefined;
}

/** One field, with all others open. */
function isField(part: string, index: number): boolean {
  if (!part.split(",").every((range) => RANGE.test(range))) return false;
  try {
    new CronPattern(FIELDS.map((_, at) => (at === index ? part : "*")).join(" "), undefined, { mode: "5-part" });
    return true;
  } catch {
    return false;
  }
}

const parse = (cron: string) => new Cron(cron, { mode: "5-part", utcOffset: 0 });

/** The first due time after a moment, in Unix milliseconds; undefined where none ever comes. Throws on what is no cron. */
export function nextDueMs(cron: string, afterMs: number): number | undefined {
  return parse(cron).nextRun(new Date(afterMs))?.getTime();
}

/** Of the due times from `firstMs`, which is one, to `nowMs`: the latest, and how many come before it (counted to `SKIPPED_COUNT_MAX`). */
export function latestDue(cron: string, firstMs: number, nowMs: number): { dueAtMs: number; skipped: number } {
  const pattern = parse(cron);
  const [latest] = pattern.previousRuns(1, new Date(nowMs + 1));
  const dueAtMs = Math.max(firstMs, latest?.getTime() ?? 0);
  let skipped = 0;
  for (let at = firstMs; at < dueAtMs && skipped < SKIPPED_COUNT_MAX; skipped += 1) {
    at = pattern.nextRun(new Date(at))?.getTime() ?? dueAtMs;
  }
  return { dueAtMs, skipped };
}
