import { stripVTControlCharacters } from "node:util";

/** Rows as left-aligned columns under a head; cells may be coloured. Wide characters are not measured. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => visibleLength(row[column] ?? ""))));
  return all.map((row) => `${printRow(row, widths)}\n`).join("");
}

function printRow(row: readonly string[], widths: readonly number[]): string {
  const cells = widths.map((width, column) => {
    const cell = row[column] ?? "";
    return cell + " ".repeat(width - visibleLength(cell));
  });
  return cells.join("  ").trimEnd();
}

function visibleLength(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
