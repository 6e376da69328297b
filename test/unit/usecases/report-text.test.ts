import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codeBlock, inlineCode, markdownRows, plainLine } from "../../../shared/usecases/report-text.ts";

/** What comes from outside stands in code, and nothing in it ends that. */

const HOSTILE = [
  "<img src=x onerror=alert(1)>",
  "@everyone see #1",
  "`` ` ``` ````",
  "a | b\n| c |",
  "\u202egnp.exe\u200b",
  "[click](https://evil.test)",
  "![x](https://evil.test/pixel)",
  "\u0000\u001b[31mred\r\nnext",
];
const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: "binary" }));

describe("in a line", () => {
  test("SECURITY 30: nothing leaves its code span", () => {
    fc.assert(
      fc.property(text, (outside) => {
        const shown = inlineCode(outside);
        if (shown === "") return;
        expect(shown).toMatch(/^`[^`|\p{Cc}\u202a-\u202e]+`$/u);
      }),
    );
  });

  test("a name stays what it is", () => {
    expect(inlineCode("unit tests (linux)")).toBe("`unit tests (linux)`");
    expect(inlineCode("a`b|c")).toBe("`a'b¦c`");
  });

  test("a title has one line, and is not turned around", () => {
    expect(plainLine("a\r\nb\u202ec\ud800")).toBe("a bc\ufffd");
  });
});

describe("in a block", () => {
  test("SECURITY 30: no line of it ends the fence", () => {
    fc.assert(
      fc.property(text, (outside) => {
        const lines = codeBlock(outside).split("\n");
        const fence = lines.at(-1) ?? "";
        expect(lines[0]).toBe(`${fence}text`);
        for (const line of lines.slice(1, -1)) expect(line.includes(fence)).toBe(false);
      }),
    );
  });

  test("lines and tabs are kept", () => {
    expect(codeBlock("a\n\tb\r\nc\n")).toBe("```text\na\n\tb\nc\n```");
  });
});

test("a table has its cells in a row", () => {
  expect(markdownRows(["", "x"], [["1", "`2`"]])).toBe("|  | x |\n| --- | --- |\n| 1 | `2` |");
});
