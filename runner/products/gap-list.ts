import { LOG_BYTES_MAX } from "../../shared/domain/limits.ts";
import type { LogGap } from "../../shared/protocol/products.ts";

const LOSS_LENGTH_MAX = 500;

/** What a log does not keep, with its place, and why: losses are told, never hidden. */
export interface GapList {
  readonly gaps: readonly LogGap[];
  add(reason: LogGap["reason"], offset: number, bytes: number, why: string): void;
  /** Counts output beyond the log's limit, up to what a seal can express; returns how much was counted. */
  addOverLimit(offset: number, bytes: number, why: string): number;
  /** Something about the log was lost that is no range of it. */
  note(line: string): void;
  /** One line for each reason, with the first cause: later ones are mostly "time is up". */
  lines(): readonly string[];
}

export function makeGapList(): GapList {
  const gaps: LogGap[] = [];
  const whys = new Map<LogGap["reason"], string>();
  const notes: string[] = [];
  const add: GapList["add"] = (reason, offset, bytes, why) => {
    if (bytes === 0) return;
    gaps.push({ offset, bytes, reason });
    if (!whys.has(reason)) whys.set(reason, why);
  };
  return {
    gaps,
    add,
    addOverLimit(offset, bytes, why) {
      const counted = Math.max(0, Math.min(bytes, LOG_BYTES_MAX * 4 - offset));
      const last = gaps.at(-1);
      if (last?.reason === "limit" && last.offset + last.bytes === offset)
        gaps[gaps.length - 1] = { ...last, bytes: last.bytes + counted };
      else add("limit", offset, counted, why);
      return counted;
    },
    note(line) {
      notes.push(line);
    },
    lines() {
      const lines = [...whys].map(([reason, why]) => {
        const lost = gaps.filter((gap) => gap.reason === reason).reduce((sum, gap) => sum + gap.bytes, 0);
        return `log: ${lost} bytes lost (${reason}): ${why}`.slice(0, LOSS_LENGTH_MAX);
      });
      return [...lines, ...notes];
    },
  };
}
