import { expect, test } from "vitest";
import { wantsColour } from "../../../cli/environment.ts";
import { printBytes, printDuration } from "../../../cli/print/duration.ts";
import { printRunOrigin, printRunTable } from "../../../cli/print/run-table.ts";
import { printTable } from "../../../cli/print/table.ts";
import { attempt, job, run, START } from "./fixtures.ts";

test.each([
  [40, "<0.1s"],
  [60, "0.1s"],
  [9_940, "9.9s"],
  [9_960, "10s"],
  [59_600, "1m 00s"],
  [185_000, "3m 05s"],
  [7_800_000, "2h 10m"],
  [273_600_000, "3d 4h"],
  [-5, "<0.1s"],
])("%d ms reads %s", (ms, text) => expect(printDuration(ms)).toBe(text));

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_234, "1.2 kB"],
  [999_600, "1.0 MB"],
  [34_000_000, "34 MB"],
  [5_000_000_000_000, "5000 GB"],
])("%d bytes read %s", (bytes, text) => expect(printBytes(bytes)).toBe(text));

test("columns are as wide as their widest cell, colours not counted", () => {
  expect(
    printTable(
      ["A", "B"],
      [
        ["\u001b[31mxyz\u001b[39m", "1"],
        ["q", "2"],
      ],
    ),
  ).toBe("A    B\n\u001b[31mxyz\u001b[39m  1\nq    2\n");
});

test("a run's table names job, check, attempts, duration and artifacts", () => {
  const archive = {
    name: "artifacts.tar.gz",
    kind: "archive" as const,
    bytes: 1_500,
    files: 2,
    sha256: "0".repeat(64),
  };
  const end = { outcome: "succeeded" as const, atMs: START + 2_000, artifacts: [archive] };
  const jobs = [
    job("build", {
      state: "succeeded",
      attempts: [attempt(1, { end })],
      result: { fence: 1, outcome: "succeeded" },
      endedAtMs: START + 2_000,
    }),
    job("test", { state: "failed", checks: ["unit"], attempts: [attempt(1), attempt(2)], endedAtMs: START + 3_000 }),
    job("deploy", { state: "skipped" }),
  ];
  const checks = [{ id: "unit", state: "final" as const, outcome: "failed" as const, jobs: ["test"] }];
  const table = printRunTable({ run: run("failed", { endedAtMs: START + 4_000 }), jobs, checks }, false, START);
  expect(table.split("\n")).toEqual([
    "JOB     CHECK          ATTEMPTS  DURATION  ARTIFACTS",
    "build   ✔ passed       1         2.0s      2 files, 1.5 kB",
    "test    ✘ unit failed  2         3.0s      –",
    "deploy  – skipped      0         –         –",
    "✘ test failed",
    `${run("failed").id} failed in 4.0s`,
    "",
  ]);
});

test("below a run's table stands why jobs failed, which failures are allowed, and how the run stands", () => {
  const failure = { class: "user" as const, message: 'step "unit" ended with exit code 3' };
  const end = { outcome: "failed" as const, atMs: START + 2_000, failure };
  const failed = { attempts: [attempt(1, { end })], result: { fence: 1, outcome: "failed" as const } };
  const jobs = [
    job("test", { ...failed, state: "failed", endedAtMs: START + 2_000 }),
    job("lint", { ...failed, state: "failed", allowFailure: true, endedAtMs: START + 2_000 }),
    job("deploy", { state: "queued" }),
  ];
  expect(printRunTable({ run: run("live"), jobs, checks: [] }, false, START + 4_000).split("\n")).toEqual([
    "JOB     CHECK                       ATTEMPTS  DURATION  ARTIFACTS",
    "test    ✘ failed                    1         2.0s      –",
    "lint    ✔ passed (failed, allowed)  1         2.0s      –",
    "deploy  – queued                    0         –         –",
    '✘ test failed: step "unit" ended with exit code 3',
    '✘ lint failed: step "unit" ended with exit code 3 (allowed)',
    `${run("live").id} live for 4.0s`,
    "",
  ]);
  const losses = ["artifacts: nothing matches dist/**"];
  const kept = job("build", {
    state: "succeeded",
    attempts: [attempt(1, { end: { ...end, outcome: "succeeded", losses } })],
  });
  expect(printRunTable({ run: run("live"), jobs: [kept], checks: [] }, false, START)).toContain(
    "\n! build: artifacts: nothing matches dist/**\n",
  );
  const many = Array.from({ length: 12 }, (_, at) => job(`j${at}`, { ...failed, state: "failed" }));
  const wide = printRunTable({ run: run("failed"), jobs: many, checks: [] }, false, START);
  expect(wide).toContain("\nand 2 more that failed\n");
});

test("a run's origin is its pipeline, commit, time and author", () => {
  const source = { kind: "git" as const, url: "/srv/shop", sha: "66e77ac728".padEnd(40, "0"), branch: "main" };
  const seen = { run: run("live", { source, rerunOf: run("live").id }), jobs: [], checks: [] };
  expect(printRunOrigin(seen, START)).toMatch(
    /^ci · main 66e77ac728 · created \d\d:\d\d:\d\d by token:alice · rerun of run_0+\n$/,
  );
});

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ NO_COLOR: "1" }, true, false],
  [{ NO_COLOR: "" }, true, true],
  [{ FORCE_COLOR: "1" }, false, true],
  [{ FORCE_COLOR: "0" }, true, false],
  [{ NO_COLOR: "1", FORCE_COLOR: "1" }, true, false],
  [{ TERM: "dumb" }, true, false],
])("with %j on a terminal (%s) colours are %s", (env, isTerminal, colours) => {
  expect(wantsColour(env, isTerminal)).toBe(colours);
});
