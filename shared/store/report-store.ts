import type { Key, OutboxRef } from "./keys.ts";
import type { OutboxItem } from "./report-items.ts";

/** Outboxes, read. They are born and moved by the `Store`, as everything is. */
export interface ReportStore {
  /** Strongly consistent. */
  getOutbox(ref: OutboxRef): Promise<OutboxItem | undefined>;
  /** Keys from the `due` index whose `wakeAtMs` is before the given time. A hint, not a decision. */
  dueOutboxes(beforeMs: number, limit: number): Promise<Key[]>;
}
