/** What the bench measures, and what is expected of it. */

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The value's own bound; absent where the row only informs. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
  /** Beside the value: a spread, a ratio's parts. */
  readonly note?: string;
}

/** One thing to measure, in processes of its own. `name` is what `--only` takes. */
export interface Measurement {
  readonly name: string;
  readonly measure: () => Promise<readonly Row[]>;
}

export function isMet({ value, goal }: Row): boolean | undefined {
  if (goal === undefined) return undefined;
  return "atMost" in goal ? value <= goal.atMost : value >= goal.atLeast;
}
