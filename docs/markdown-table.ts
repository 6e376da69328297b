/** A Markdown table. A `|` in a cell is escaped, so that it cannot end the cell. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`);
  return lines.join("\n");
}

const escaped = (cell: string): string => cell.replaceAll("|", "\\|");
