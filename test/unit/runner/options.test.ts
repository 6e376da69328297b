import { expect, test } from "vitest";
import { parseRunnerOptions, UsageError } from "../../../runner/options.ts";

test("options have sensible defaults", () => {
  expect(parseRunnerOptions([])).toMatchObject({ pools: ["default"], drainMs: 60_000, json: false, passEnv: [] });
});

test("repeated pools count once", () => {
  expect(parseRunnerOptions(["--pool", "a", "--pool", "b", "--pool", "a"]).pools).toEqual(["a", "b"]);
});

test.each([
  [["--slots", "0"], "--slots"],
  [["--slots", "many"], "--slots"],
  [["--pool", "../x"], "--pool"],
  [["--drain-ms", "1.5"], "--drain-ms"],
  [["--token", "secret"], "--token"],
  [["stray"], "stray"],
])("%j is refused in one line that names the mistake", (args, named) => {
  expect(() => parseRunnerOptions(args)).toThrow(UsageError);
  expect(() => parseRunnerOptions(args)).toThrow(named);
});
