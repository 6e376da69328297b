import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { baton, makePlace, type Place } from "./cli-process.ts";

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

test("case L16, SECURITY 28: dots show while they come, and half of a secret never does", async () => {
  place.write({
    ".baton/ci.yml": `jobs:
  dots:
    secrets: [KEY]
    run: |
      printf 'dot:.'
      sleep 4
      printf '. key %s' "$(printf %s "$KEY" | cut -c 1-12)"
      sleep 3
      printf '%s end\\n' "$(printf %s "$KEY" | cut -c 13-)"
`,
    secrets: "KEY=correct-horse-battery\n",
  });
  const run = baton(place, ["run", "--secrets-file", "secrets"]);
  let seen = "";
  const states: string[] = [];
  run.child.stdout?.on("data", (part) => {
    seen += String(part);
    states.push(seen);
  });
  await eventually("a dot shows before its line ends", () => /dot:\.$/.test(seen));
  const { code, stdout } = await run.ended;
  expect(code).toBe(0);
  expect(stdout).toContain("dots │ dot:.. key *** end\n");
  expect(states.some((state) => state.includes("correct"))).toBe(false);
}, 120_000);
