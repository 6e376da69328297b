import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LINE_CHARS_MAX, makeLinePrinter, PARTIAL_MS } from "../../../cli/print/line-printer.ts";
import { shareLines } from "../../../cli/print/shared-lines.ts";

function printed(colour = false) {
  const parts: string[] = [];
  const output = shareLines({ write: (text) => void parts.push(text) });
  const lines = makeLinePrinter({ output, prefix: "job │ ", colour });
  const other = makeLinePrinter({ output, prefix: "two │ ", colour });
  return { lines, other, output, text: () => parts.join("") };
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

test.each([
  ["in one piece", 1_000_000],
  ["as it comes", 1_001],
])("case L16: a long line is broken between characters and escapes, %s", async (_title, size) => {
  const { lines, text } = printed(true);
  const unit = "日🎉\u001b[31mx\u001b[0m";
  const bytes = Buffer.from(`${unit.repeat(5_000)}\n`);
  for (let at = 0; at < bytes.length; at += size) await lines.write(bytes.subarray(at, at + size));
  expect(text().isWellFormed()).toBe(true);
  expect(text()).not.toContain("\ufffd");
  const plain = text()
    .split("\u001b")
    .map((part, at) => (at === 0 ? part : part.replace(/^\[\d*m/, "")));
  const shown = plain.join("").replaceAll("job │ ", "").replaceAll("\n", "");
  expect(shown).toBe("日🎉x".repeat(5_000));
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

describe("case L16: a line that has no end yet", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const say = (lines: ReturnType<typeof printed>["lines"], text: string) => lines.write(Buffer.from(text));

  test("is shown after a second, and goes on where it stands", async () => {
    const { lines, text } = printed();
    await say(lines, ".");
    vi.advanceTimersByTime(PARTIAL_MS - 1);
    expect(text()).toBe("");
    vi.advanceTimersByTime(1);
    expect(text()).toBe("job │ .");
    await say(lines, ".");
    vi.advanceTimersByTime(PARTIAL_MS);
    expect(text()).toBe("job │ ..");
    await say(lines, " done\nnext\n");
    expect(text()).toBe("job │ .. done\njob │ next\n");
  });

  test("is ended before another job's line, and its rest stands behind its name again", async () => {
    const { lines, other, output, text } = printed();
    await say(lines, "one");
    vi.advanceTimersByTime(PARTIAL_MS);
    await say(other, "else\n");
    expect(text()).toBe("job │ one\ntwo │ else\n");
    await say(lines, " two\n");
    await say(lines, "three");
    vi.advanceTimersByTime(PARTIAL_MS);
    await output.write("✔ ended\n");
    await say(lines, "\nfour\n");
    expect(text()).toBe("job │ one\ntwo │ else\njob │  two\njob │ three\n✔ ended\njob │ four\n");
  });

  test("is ended once where the job ends with it", async () => {
    const { lines, text } = printed();
    await say(lines, "password: ");
    vi.advanceTimersByTime(PARTIAL_MS);
    await lines.flush();
    await lines.flush();
    expect(text()).toBe("job │ password: \n");
  });

  test("that rewrites itself shows its last state, and not every one", async () => {
    const { lines, text } = printed();
    for (let percent = 0; percent <= 100; percent += 1) {
      await say(lines, `\r${percent}%`);
      vi.advanceTimersByTime(300);
    }
    await say(lines, "\r\n");
    const states = text()
      .split("\n")
      .filter((line) => line !== "");
    expect(states.at(-1)).toBe("job │ 100%");
    expect(states.length).toBeLessThan(8);
  });

  test("of a bar longer than a line may be, no piece of an old state is printed", async () => {
    const { lines, text } = printed();
    for (let at = 0; at < 2_000; at += 1) await say(lines, `\r${String(at).padStart(6)} ${"#".repeat(60)}`);
    await say(lines, "\n");
    expect(text()).toBe(`job │   1999 ${"#".repeat(60)}\n`);
    const whole = printed();
    await say(whole.lines, `${"old".repeat(LINE_CHARS_MAX)}\rnew\n`);
    expect(whole.text()).toBe("job │ new\n");
  });

  test("is not shown in the middle of an escape, and keeps its colour", async () => {
    const { lines, text } = printed(true);
    await say(lines, "\u001b[31mred\u001b[3");
    vi.advanceTimersByTime(PARTIAL_MS);
    expect(text()).toBe("job │ \u001b[31mred\u001b[0m");
    await say(lines, "2mgreen\n");
    expect(text()).toBe("job │ \u001b[31mred\u001b[0m\u001b[31m\u001b[32mgreen\u001b[0m\n");
  });
});
