import type { Key } from "./keys.ts";
import type { HeadItem, HeadsItem, ScheduleItem, SweepItem, TagsItem } from "./sweep-items.ts";

/** What sweep reads; it writes by moves and births. Implemented on DynamoDB (`dynamo-sweep-store.ts`). */
export interface SweepStore {
  /** Keys from one shard of the `due` index whose `wakeAtMs` has come, earliest first. A hint, not a decision. */
  due(shard: string, nowMs: number, limit: number): Promise<Key[]>;
  /** Keys from one shard whose `wakeAtMs` is later than this, furthest first: where a clock was wrong when it was written. */
  ahead(shard: string, afterMs: number, limit: number): Promise<Key[]>;
  getHeads(key: Key): Promise<HeadsItem | undefined>;
  /** By the name in their keys. */
  listHeads(partition: string): Promise<HeadItem[]>;
  listTags(partition: string): Promise<TagsItem[]>;
  getSchedule(key: Key): Promise<ScheduleItem | undefined>;
  listSchedules(partition: string): Promise<ScheduleItem[]>;
  /** The last sweep. */
  getSweep(tenant: string): Promise<SweepItem | undefined>;
}
