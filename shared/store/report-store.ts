import type { Key, OutboxRef, StatusRef } from "./keys.ts";
import type { OutboxItem, StatusItem } from "./report-items.ts";

/** Outboxes and statuses, read. They are born and moved by the `Store`, as everything is. */
export interface ReportStore {
  /** Strongly consistent. */
  getOutbox(ref: OutboxRef): Promise<OutboxItem | undefined>;
  /** Strongly consistent. */
  getStatus(ref: StatusRef): Promise<StatusItem | undefined>;
  /** Keys from the `due` index whose `wakeAtMs` is before the given time. A hint, not a decision. */
  dueOutboxes(beforeMs: number, limit: number): Promise<Key[]>;
}
