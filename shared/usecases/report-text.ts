/**
 * Markdown that a forge renders. What comes from outside (names, messages, branches) stands in code and nowhere else:
 * there neither HTML, nor links, nor mentions mean anything.
 */

/** Without what would turn the text around, or move the reader's eye elsewhere. */
const DECEPTIVE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Plain text of one line, for a title. */
export function plainLine(text: string): string {
  return text
    .toWellFormed()
    .replace(DECEPTIVE, "")
    .replace(/\p{Cc}+/gu, " ")
    .trim();
}

/** In a line or a table's cell. A backtick in it becomes a quote: a longer fence would break in tables. */
export function inlineCode(text: string): string {
  const line = plainLine(text).replaceAll("`", "'").replaceAll("|", "¦");
  return line === "" ? "" : `\`${line}\``;
}

/** Lines as they are, in a fence longer than any in them. */
export function codeBlock(text: string): string {
  const lines = text
    .toWellFormed()
    .replace(DECEPTIVE, "")
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{Cc}\n\t]/gu, "");
  const longest = Math.max(2, ...[...lines.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${lines.trimEnd()}\n${fence}`;
}

/** A table; its cells are Markdown already. */
export function markdownRows(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
