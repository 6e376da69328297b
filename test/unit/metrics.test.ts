import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { JOB_TERMINAL } from "../../shared/domain/job-moves.ts";
import { RUN_TERMINAL } from "../../shared/domain/run-moves.ts";
import { METRICS, pipelineResultOf, taskResultOf } from "../../shared/metrics.ts";

const root = path.resolve(import.meta.dirname, "../..");
const LIST = "shared/metrics.ts";
const programs = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.ts"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => /^(shared|functions|runner|localstack)\//.test(file) && file !== LIST)
  .map((file) => ({ file, text: readFileSync(path.join(root, file), "utf8") }));

test("every metric of the list is counted somewhere", () => {
  const uncounted = Object.entries(METRICS).filter(([name, { kind }]) => {
    const call = new RegExp(`metrics\\.${kind === "counter" ? "count" : "timing"}\\([^;]*?"${name}"`);
    return !programs.some(({ text }) => call.test(text));
  });
  expect(uncounted.map(([name]) => name)).toEqual([]);
});

test("no name of a metric is written beside the list", () => {
  const written = programs.filter(({ text }) => /["'`]baton_\w+_(total|seconds)["'`{]/.test(text));
  expect(written.map(({ file }) => file)).toEqual([]);
});

test("every way to end has OpenTelemetry's word", () => {
  expect(RUN_TERMINAL.map((state) => [state, pipelineResultOf(state)])).toEqual([
    ["succeeded", "success"],
    ["failed", "failure"],
    ["errored", "error"],
    ["timed_out", "timeout"],
    ["canceled", "cancellation"],
    ["plan_failed", "failure"],
  ]);
  expect(Object.fromEntries(JOB_TERMINAL.map((state) => [state, taskResultOf(state)]))).toEqual({
    succeeded: "success",
    failed: "failure",
    timed_out: "timeout",
    canceled: "cancellation",
    skipped: "skip",
    lost: "error",
  });
});
