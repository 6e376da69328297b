import { shellMistake } from "./check-text.ts";
import { parseDuration, printDuration } from "./duration.ts";
import { readText, type Slot, shown } from "./read-values.ts";

/** Settings that jobs and steps share. */

/** Milliseconds, from one second to the limit. */
export function readTimeout(slot: Slot | undefined, maxMs: number, limit: string): number | undefined {
  if (slot === undefined) return undefined;
  const { tree, what, problems } = slot;
  const ms = tree.kind === "scalar" && typeof tree.value === "string" ? parseDuration(tree.value) : undefined;
  if (ms !== undefined && ms > 0 && ms <= maxMs) return ms;
  if (ms === undefined) {
    const isBare = tree.kind === "scalar" && typeof tree.value === "number";
    const hint = isBare ? () => `${tree.source}s` : undefined;
    problems.report(tree.at, `${what} must be a duration such as 90s, 10m or 1h30m, not ${shown(tree)}`, hint);
    return undefined;
  }
  problems.report(tree.at, `${what} must be from 1s to ${printDuration(maxMs)} (${limit}), not ${shown(tree)}`);
  return undefined;
}

export function readShell(slot: Slot | undefined): string | undefined {
  const shell = readText(slot);
  const mistake = shell && shellMistake(shell.value);
  if (shell === undefined || mistake === undefined) return shell?.value;
  slot?.problems.report(shell.at, `${slot.what} ${mistake}`);
  return undefined;
}
