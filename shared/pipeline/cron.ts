interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly words: readonly string[];
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: readonly Field[] = [
  { name: "minute", min: 0, max: 59, words: [] },
  { name: "hour", min: 0, max: 23, words: [] },
  { name: "day of month", min: 1, max: 31, words: [] },
  { name: "month", min: 1, max: 12, words: MONTHS },
  { name: "day of week", min: 0, max: 7, words: DAYS },
];

/** Why a text is not a cron expression of five fields (POSIX crontab with names, ranges, lists, steps), or undefined. */
export function cronMistake(text: string): string | undefined {
  const parts = text.trim().split(/[ \t]+/);
  if (parts.length !== FIELDS.length) {
    return `a cron expression has five fields (minute, hour, day of month, month, day of week), not ${parts.length}`;
  }
  const wrong = FIELDS.find((field, index) => !isField(parts[index] ?? "", field));
  if (wrong === undefined) return undefined;
  return `the ${wrong.name} of a cron expression is *, or numbers from ${wrong.min} to ${wrong.max} as 1,3 or 1-5 or */2`;
}

function isField(text: string, field: Field): boolean {
  return text.split(",").every((part) => isRange(part, field));
}

function isRange(text: string, field: Field): boolean {
  const match = /^(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d{1,4}))?$/i.exec(text);
  if (match === null) return false;
  const [, first = "", last, step] = match;
  if (step !== undefined && (Number(step) < 1 || Number(step) > field.max)) return false;
  if (first === "*") return last === undefined;
  const from = numberOf(first, field);
  const to = last === undefined ? from : numberOf(last, field);
  // A step needs something to step over.
  if (step !== undefined && last === undefined) return false;
  return from !== undefined && to !== undefined && from <= to;
}

function numberOf(text: string, field: Field): number | undefined {
  const word = field.words.indexOf(text.toLowerCase());
  if (word >= 0) return word + field.min;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= field.min && value <= field.max ? value : undefined;
}
