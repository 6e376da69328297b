/** A world that found something once, and what: each is looked at in every run of the tests. */
export interface Regression {
  readonly seed: number;
  readonly found: string;
}

export const REGRESSIONS: readonly Regression[] = [];
