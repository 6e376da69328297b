import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { openColours, sanitizeLine } from "../../../cli/print/sanitize.ts";

const ESC = "\u001b";

describe("SECURITY 30: only SGR reaches a terminal", () => {
  test.each([
    ["plain text, tabs and accents stay", "a\tb é 漢 🙂", "a\tb é 漢 🙂"],
    ["colours stay", `${ESC}[1;31mred${ESC}[0m`, `${ESC}[1;31mred${ESC}[0m`],
    ["24-bit colours with colons stay", `${ESC}[38:2::1:2:3mx`, `${ESC}[38:2::1:2:3mx`],
    ["cursor moves go", `a${ESC}[2J${ESC}[1;1Hb`, "ab"],
    ["private modes go", `a${ESC}[?1049hb`, "ab"],
    ["titles go", `a${ESC}]0;owned\u0007b`, "ab"],
    ["links go, their text stays", `${ESC}]8;;http://x${ESC}\\click${ESC}]8;;${ESC}\\`, "click"],
    ["clipboard writes go", `a${ESC}]52;c;aGk=\u0007b`, "ab"],
    ["an unended string takes the rest of the line", `a${ESC}]0;never ends`, "a"],
    ["device control strings go", `a${ESC}Pq#0${ESC}\\b`, "ab"],
    ["8-bit CSI goes", "a\u009b2Jb", "ab"],
    ["8-bit OSC goes", "a\u009d0;x\u009cb", "ab"],
    ["other escapes go", `a${ESC}cb${ESC}(0c`, "abc"],
    ["other control characters go", "a\u0000\u0008\u007f\u0007b", "ab"],
    ["a lone escape goes", `a${ESC}`, "a"],
    ["an SGR that is none goes", `a${ESC}[31;31!mb`, "ab"],
    ["an SGR inside a title goes with it", `${ESC}]0;${ESC}[31mx\u0007b`, "b"],
  ])("%s", (_, line, clean) => {
    expect(sanitizeLine(line, true)).toBe(clean);
  });

  test("without colour SGR goes too", () => {
    expect(sanitizeLine(`${ESC}[1;31mred${ESC}[0m`, false)).toBe("red");
  });

  test("no escape but SGR survives any mix", () => {
    const parts = [ESC, "[", "]", "0", ";", "m", "H", "\u0007", "\\", "P", "\u009b", "\u009d", "a", "?", " "];
    let seed = 7;
    for (let round = 0; round < 20_000; round += 1) {
      let line = "";
      for (let at = 0; at < 12; at += 1) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        line += parts[seed % parts.length];
      }
      const rest = stripVTControlCharacters(sanitizeLine(line, true));
      expect([...rest].filter((char) => char < " " || (char >= "\u007f" && char < "\u00a0"))).toEqual([]);
      expect(sanitizeLine(line, false)).toBe(rest);
    }
  });

  test("a long line of escapes is cleaned in linear time", () => {
    const line = `${ESC}]0;x\u0007`.repeat(200_000);
    expect(sanitizeLine(line, true)).toBe("");
  });
});

test("colours stay open until a reset", () => {
  expect(openColours("", `${ESC}[31ma`)).toBe(`${ESC}[31m`);
  expect(openColours(`${ESC}[31m`, "b")).toBe(`${ESC}[31m`);
  expect(openColours(`${ESC}[31m`, `${ESC}[0m`)).toBe("");
  expect(openColours("", `${ESC}[1m`.repeat(1_000)).length).toBeLessThanOrEqual(256);
});
