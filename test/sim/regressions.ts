/** A world that found something once, and what: each is looked at in every run of the tests. */
export interface Regression {
  readonly seed: number;
  readonly found: string;
}

export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 71,
    found: "one reset connection, where a runner asks for links, lost the artifacts of a job that succeeded",
  },
  { seed: 613, found: "the same, with nothing else that went wrong" },
  { seed: 166, found: "one answer of 503 to the request for links to inputs cost an attempt" },
  {
    seed: 9249,
    found:
      "a runner that slept handed an attempt to a watchdog after its time, and a step started before the first look",
  },
  { seed: 1007948, found: "the same, while the next attempt ran" },
];
