import { expect, test } from "vitest";
import { LINE_CHARS_MAX, makeLinePrinter } from "../../../cli/print/line-printer.ts";

function printed(colour = false) {
  const parts: string[] = [];
  const lines = makeLinePrinter({ output: { write: (text) => void parts.push(text) }, prefix: "job │ ", colour });
  return { lines, text: () => parts.join("") };
}

test("lines stand behind the prefix, however the bytes were cut", async () => {
  const bytes = Buffer.from("eins\nzwei ä\ndrei\n");
  for (let size = 1; size < bytes.length; size += 1) {
    const { lines, text } = printed();
    for (let at = 0; at < bytes.length; at += size) await lines.write(bytes.subarray(at, at + size));
    expect(text()).toBe("job │ eins\njob │ zwei ä\njob │ drei\n");
  }
});

test("a line without an end is printed when something else follows", async () => {
  const { lines, text } = printed();
  await lines.write(Buffer.from("no newline"));
  expect(text()).toBe("");
  await lines.flush();
  expect(text()).toBe("job │ no newline\n");
});

test("an endless line is broken, and memory stays bounded", async () => {
  const { lines, text } = printed();
  for (let at = 0; at < 8; at += 1) await lines.write(Buffer.alloc(LINE_CHARS_MAX, "x"));
  await lines.flush();
  expect(
    text()
      .split("\n")
      .filter((line) => line.length > LINE_CHARS_MAX + "job │ ".length),
  ).toEqual([]);
  expect(text().replaceAll("job │ ", "").replaceAll("\n", "")).toHaveLength(8 * LINE_CHARS_MAX);
});

test("of a progress bar the last state is kept", async () => {
  const { lines, text } = printed();
  await lines.write(Buffer.from("10%\r50%\r100%\r\nnext\r\n"));
  expect(text()).toBe("job │ 100%\njob │ next\n");
});

test("a colour that stays open does not reach the prefix, and goes on in the next line", async () => {
  const { lines, text } = printed(true);
  await lines.write(Buffer.from("\u001b[31mred\nstill\n\u001b[0mplain\nend\n"));
  expect(text().split("\n")).toEqual([
    "job │ \u001b[31mred\u001b[0m",
    "job │ \u001b[31mstill\u001b[0m",
    "job │ \u001b[31m\u001b[0mplain\u001b[0m",
    "job │ end",
    "",
  ]);
});

test("bytes that are no UTF-8 are shown as replacements", async () => {
  const { lines, text } = printed();
  await lines.write(Buffer.from([0x61, 0xff, 0x62, 0x0a]));
  expect(text()).toBe("job │ a\ufffdb\n");
});
