import type { Position } from "./problem.ts";

/**
 * A pipeline file as values with positions, whatever syntax it is written in. A front end (`yaml-tree.ts`; later KDL)
 * makes this tree, and everything after it is shared. Aliased parts are shared nodes: a tree is small in memory even
 * where its expansion would not be.
 */
export type Tree = Scalar | List | Mapping;

/** What a node stands for once its aliases are expanded. */
interface Sized {
  readonly values: number;
  readonly length: number;
}

export interface Scalar extends Sized {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As written, so that `1.10` stays `1.10` where text is wanted. */
  readonly source: string;
  readonly at: Position;
  /** Of nothing: the comment that stands in its place. */
  readonly comment?: string;
}

export interface List extends Sized {
  readonly kind: "list";
  readonly items: readonly Tree[];
  /** As written, where it stands in brackets on one line. */
  readonly source?: string;
  readonly at: Position;
}

/** Keys are unique. */
export interface Mapping extends Sized {
  readonly kind: "map";
  readonly entries: readonly Entry[];
  readonly source?: string;
  readonly at: Position;
}

export interface Entry {
  readonly key: string;
  readonly at: Position;
  readonly value: Tree;
}

/** A value's type in the words of messages. */
export function typeOf(tree: Tree): string {
  if (tree.kind === "list") return "a list";
  if (tree.kind === "map") return "a map";
  if (tree.value === null) return "nothing";
  return { string: "text", number: "a number", boolean: "true or false" }[typeof tree.value as "string"] ?? "a value";
}
