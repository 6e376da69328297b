import { ENV_ENTRIES_MAX, SECRETS_PER_JOB_MAX } from "../domain/limits.ts";
import { envNameMistake } from "./check-text.ts";
import type { EnvEntry, Located } from "./definition.ts";
import { quoted } from "./problem.ts";
import { atMost, readEntries, readWord, readWords, type Slot } from "./read-values.ts";

/** A map of variables. Numbers and booleans are taken as they are written. */
export function readEnv(slot: Slot | undefined): EnvEntry[] {
  if (slot === undefined) return [];
  const entries = readEntries(slot, "of variables");
  return atMost(entries, { max: ENV_ENTRIES_MAX, limit: "ENV_ENTRIES_MAX", slot }).flatMap((entry) => {
    const mistake = envNameMistake(entry.key);
    if (mistake !== undefined) slot.problems.report(entry.at, `${quoted(entry.key)} ${mistake}`);
    const value = readWord({ ...slot, what: `${slot.what}.${quoted(entry.key)}`, tree: entry.value });
    return mistake !== undefined || value === undefined ? [] : [{ name: entry.key, value }];
  });
}

/** Names of secrets, which the runner looks up: values never stand in a file. */
export function readSecrets(slot: Slot | undefined): Located<string>[] {
  const names = readWords(slot, SECRETS_PER_JOB_MAX, "SECRETS_PER_JOB_MAX");
  return names.filter(({ value, at }) => {
    const mistake = envNameMistake(value);
    if (mistake !== undefined) slot?.problems.report(at, `the secret ${quoted(value)} ${mistake}`);
    return mistake === undefined;
  });
}
