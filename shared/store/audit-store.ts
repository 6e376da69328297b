import type { AuditItem } from "./items.ts";

/** The audit: entries are added and read. There is no way to change or remove one; they expire after `AUDIT_MS`. */
export interface AuditStore {
  append(item: AuditItem): Promise<void>;
  /** A page of one day of UTC (`yyyy-mm-dd`), oldest first. */
  readDay(
    tenant: string,
    day: string,
    limit: number,
    cursor: string | undefined,
  ): Promise<{ items: AuditItem[]; cursor?: string }>;
}
