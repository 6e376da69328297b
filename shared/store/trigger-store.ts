import type { Key, PullRef } from "./keys.ts";
import type { AbsenceItem, DecidedItem, DeliveryItem, RefItem } from "./trigger-items.ts";

/** Reads of what is kept between an event and its runs; its writes are births and moves, by `Store`. Consistent, but for the index. */
export interface TriggerStore {
  getDelivery(key: Key): Promise<DeliveryItem | undefined>;
  getDecided(key: Key): Promise<DecidedItem | undefined>;
  getAbsence(key: Key): Promise<AbsenceItem | undefined>;
  getRef(key: Key): Promise<RefItem | undefined>;
  /** When a pull request was closed last, at the given time at the latest. Unix milliseconds. */
  lastClosing(pull: PullRef, untilMs: number): Promise<number | undefined>;
  /** Keys from the `due` index: deliveries whose `wakeAtMs` is before the given time, earliest first. A hint, not a decision. */
  dueDeliveries(beforeMs: number, limit: number): Promise<Pick<Key, "pk">[]>;
}
