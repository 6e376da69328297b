import { interpretMove } from "../../../shared/domain/interpret-move.ts";
import type { Args, Item } from "../../../shared/domain/item.ts";
import type { Move } from "../../../shared/domain/move.ts";
import type { Key } from "../../../shared/store/keys.ts";
import { asStored } from "./as-stored.ts";

/** A write that the table accepted. `move` is absent where an item was put. */
export interface TableWrite {
  readonly key: Key;
  readonly before: Item | undefined;
  readonly after: Item;
  readonly move?: Move;
  readonly args?: Args;
}

/**
 * The table in memory, one write at a time. A move is applied by the interpreter of its row, which test/race holds to
 * the engine's meaning (differential.test.ts); test/contract/table.test.ts holds the rest to it.
 */
export interface SimTable {
  /** The item as it stands after it; undefined where there is none. */
  update(move: Move, key: Key, args: Args): { readonly applied: boolean; readonly item: Item | undefined };
  /** All of them, or none where one is there already. */
  putNew(items: readonly (Item & Key)[]): boolean;
  /** Changes one item by a function that is no row: tokens alone, which are not part of the machine. */
  edit(key: Key, change: (item: Item | undefined) => Item | undefined): boolean;
  get(key: Key): Item | undefined;
  /** Items of one partition with sort keys from `from` to `to`, in order. */
  query(pk: string, from: string, to: string): Item[];
  partitions(): readonly string[];
  /** Told of each accepted write, before anybody else sees it. */
  watch(watcher: (write: TableWrite) => void): void;
}

export function makeSimTable(): SimTable {
  const partitions = new Map<string, Map<string, Item>>();
  const sorted = new Map<string, readonly string[]>();
  const watchers: ((write: TableWrite) => void)[] = [];

  const find = ({ pk, sk }: Key): Item | undefined => partitions.get(pk)?.get(sk);

  function write(change: TableWrite): void {
    const { pk, sk } = change.key;
    const partition = partitions.get(pk) ?? new Map<string, Item>();
    partitions.set(pk, partition);
    if (!partition.has(sk)) sorted.delete(pk);
    partition.set(sk, change.after);
    for (const watcher of watchers) watcher(change);
  }

  function orderOf(pk: string): readonly string[] {
    const known = sorted.get(pk);
    if (known !== undefined) return known;
    const order = [...(partitions.get(pk)?.keys() ?? [])].sort();
    sorted.set(pk, order);
    return order;
  }

  return {
    update(move, key, args) {
      const before = find(key);
      const stored = asStored(args) as Args;
      const after = interpretMove(move, before, stored);
      if (after === undefined) return { applied: false, item: before };
      write({ key, before, after, move, args: stored });
      return { applied: true, item: after };
    },
    putNew(items) {
      if (items.some((item) => find(item) !== undefined)) return false;
      for (const item of items) write({ key: item, before: undefined, after: asStored(item) as Item });
      return true;
    },
    edit(key, change) {
      const before = find(key);
      const after = change(before);
      if (after === undefined) return false;
      write({ key, before, after });
      return true;
    },
    get: find,
    query(pk, from, to) {
      const partition = partitions.get(pk);
      return orderOf(pk)
        .filter((sk) => sk >= from && sk <= to)
        .map((sk) => partition?.get(sk))
        .filter((item) => item !== undefined);
    },
    partitions: () => [...partitions.keys()],
    watch: (watcher) => void watchers.push(watcher),
  };
}
