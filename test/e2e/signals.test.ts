import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { baton, makePlace, type Place } from "./cli-process.ts";

/** Signals to the command and what its steps get of them; signals that it was started to ignore. */

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

/** Processes that count their SIGTERMs and need a moment to end. */
const COUNTING = (file: string) => {
  const count = (name: string, also = "") =>
    `trap "echo ${name} >> ${file}; sleep 0.5; exit 1" TERM; ${also}; while :; do sleep 0.05 || :; done`;
  return `sh -c '${count("child", "echo ready")}' & ${count("step", ":")}`;
};

test.for([
  ["Ctrl-C at a terminal, which signals the whole group", "SIGINT", true, 130],
  ["SIGTERM to the command", "SIGTERM", false, 143],
  ["the step's own timeout", undefined, false, 1],
] as const)("case L3: each process gets one SIGTERM: %s", async ([, signal, isGroup, code]) => {
  const file = join(place.temp, "terms");
  const timeout = signal === undefined ? "      timeout: 2s\n" : "";
  place.write({
    "p.yml": `jobs:\n  a:\n    steps:\n    - name: s\n${timeout}      run: |\n        ${COUNTING(file)}\n`,
  });
  const run = baton(place, ["run", "p.yml"], { detached: true });
  await run.sees("ready");
  const pid = run.child.pid ?? 0;
  if (signal !== undefined) process.kill(isGroup ? -pid : pid, signal);
  expect((await run.ended).code).toBe(code);
  expect(readFileSync(file, "utf8").trim().split("\n").sort()).toEqual(["child", "step"]);
});
