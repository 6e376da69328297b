import { expect, test } from "vitest";
import type { Item } from "../../../shared/domain/item.ts";
import { ITEM_VERSION, type MigrationStep, migrateItem } from "../../../shared/store/migrate.ts";

const steps: readonly MigrationStep[] = [
  (item) => ({ ...item, second: true }),
  ({ old, ...rest }) => ({ ...rest, renamed: old }),
];

test("an old item takes every step to the newest form, in order", () => {
  expect(migrateItem({ v: 1, sk: "RUN", old: 7 }, steps)).toEqual({ v: 3, sk: "RUN", second: true, renamed: 7 });
});

test("an item in between takes only the rest", () => {
  expect(migrateItem({ v: 2, sk: "RUN", old: 7 }, steps)).toEqual({ v: 3, sk: "RUN", renamed: 7 });
});

test("an item of today is not touched", () => {
  const item: Item = { v: ITEM_VERSION, sk: "RUN" };
  expect(migrateItem(item)).toBe(item);
});

test("an item of a newer Baton, or without a version, is refused rather than guessed", () => {
  expect(() => migrateItem({ v: ITEM_VERSION + 1, sk: "RUN" })).toThrow("newer Baton");
  expect(() => migrateItem({ sk: "RUN" })).toThrow("no version");
});
