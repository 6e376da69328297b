import type { Item } from "../domain/item.ts";

/** The version that every item is written with. Raise it with a step below, and with a test that reads the old form. */
export const ITEM_VERSION = 1;

/** `steps[n]` turns an item of version n + 1 into one of version n + 2. */
export type MigrationStep = (item: Item) => Item;

const STEPS: readonly MigrationStep[] = [];

/**
 * Brings an item of an older Baton up to date as it is read; it is stored in the new form by its next birth or stays
 * old at rest. Throws on an item of a newer Baton: guessing would corrupt it.
 */
export function migrateItem(
  item: Item,
  steps: readonly MigrationStep[] = STEPS,
  target: number = steps.length + 1,
): Item {
  const version = item["v"];
  if (typeof version !== "number") throw new Error(`item ${String(item["sk"])} has no version`);
  if (version > target) {
    throw new Error(
      `item ${String(item["sk"])} was written by a newer Baton (version ${version}, this one knows ${target})`,
    );
  }
  return steps
    .slice(version - 1, target - 1)
    .reduce((older, step, at) => ({ ...step(older), v: version + at + 1 }), item);
}
