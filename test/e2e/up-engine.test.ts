import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { baton, makePlace, type Place } from "./cli-process.ts";

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

test("where the table's engine ends, baton up says that, in words, and fails", async () => {
  const up = baton(place, ["up", "--port", "0", "--no-runner"]);
  await up.sees("Baton is up at");
  const log = readFileSync(join(place.project, ".baton/state/stack.log"), "utf8");
  process.kill(Number(/"enginePid":(\d+)/.exec(log)?.[1]), "SIGKILL");
  const { code, stderr } = await up.ended;
  expect(stderr).toContain("the table's engine (DynamoDB) has ended");
  expect(stderr).not.toContain("code 0");
  expect(stderr).not.toContain('"_aws"');
  expect(code).toBe(2);
});
