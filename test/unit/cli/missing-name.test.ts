import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const BATON = fileURLToPath(new URL("../../../cli/baton.mjs", import.meta.url));

test.each([
  [["secrets", "set", "shop", ""], "name"],
  [["secrets", "set", "", "TOKEN"], "project"],
  [["secrets", "rm", "shop", ""], "name"],
  [["projects", "rm", ""], "name"],
])("%j is told which name is missing, before anybody is asked", (args, missing) => {
  // Nobody listens there: an answer would be another one.
  const env = { PATH: process.env["PATH"], BATON_URL: "http://127.0.0.1:1", BATON_TOKEN: "none" };
  const { status, stderr } = spawnSync(process.execPath, [BATON, ...args], { env, input: "value", encoding: "utf8" });
  expect(stderr).toContain(`argument '${missing}'`);
  expect(stderr).toContain("is missing");
  expect(status).toBe(2);
});
