import { expect, test } from "vitest";
import { parseStat } from "../../../runner/watchdog/find-members.ts";
import { parseCommand } from "../../../runner/watchdog/parse-command.ts";
import type { Command } from "../../../runner/watchdog/protocol.ts";

const commands: Command[] = [
  {
    type: "attempt",
    cookie: "c",
    pipe: "/p",
    release: { url: "http://x/", token: "t" },
    killAtMs: 1.5,
    expiresAtMs: 2.5,
  },
  { type: "deadline", killAtMs: 1, expiresAtMs: 2 },
  { type: "step", command: ["sh", "-e", "f"], cwd: "/w", env: { A: "b" }, marker: "\0m" },
  { type: "stop", graceMs: 0, marker: "\0m" },
  { type: "done" },
];

test.each(commands)("a $type command survives the channel", (command) => {
  expect(parseCommand(JSON.parse(JSON.stringify(command)))).toEqual(command);
});

test.each([undefined, null, 7, {}, { type: "reboot" }, { type: "stop", graceMs: "0", marker: "m" }, { type: "step" }])(
  "%j is no command",
  (message) => {
    expect(() => parseCommand(message)).toThrow(TypeError);
  },
);

test("a process named like fields of /proc/<pid>/stat does not confuse them", () => {
  const rest = Array.from({ length: 48 }, (_, at) => String(at + 1)).join(" ");
  expect(parseStat(`12 (evil) Z 1 (2) 3) S ${rest}`)).toMatchObject({
    state: "S",
    group: 2,
    session: 3,
    startTicks: 19,
  });
});
