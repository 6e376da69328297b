/** A world that found something once, and what: each is looked at in every run of the tests. */
export interface Regression {
  readonly seed: number;
  /** Whether that world had a forge. */
  readonly forge: boolean;
  readonly found: string;
}

export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 71,
    forge: false,
    found: "one reset connection, where a runner asks for links, lost the artifacts of a job that succeeded",
  },
  { seed: 613, forge: false, found: "the same, with nothing else that went wrong" },
  { seed: 166, forge: false, found: "one answer of 503 to the request for links to inputs cost an attempt" },
  {
    seed: 9249,
    forge: false,
    found:
      "a runner that slept handed an attempt to a watchdog after its time, and a step started before the first look",
  },
  { seed: 1007948, forge: false, found: "the same, while the next attempt ran" },
  {
    seed: 77,
    forge: true,
    found:
      "a proxy's page that answered the change of a comment was taken for done: the comment said that a run goes on",
  },
];
