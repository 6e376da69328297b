import { cpus, loadavg } from "node:os";
import { isMet, type Row } from "./measurement.ts";

/** The rows as a table: value, goal, verdict. */
export function printReport(rows: readonly Row[]): string {
  const cells = rows.map((row) => [verdictOf(row), row.what, figureOf(row), goalOf(row), row.note ?? ""]);
  const header = ["", "WHAT", "VALUE", "GOAL", "NOTE"];
  const widths = header.map((title, column) =>
    Math.max(...[header, ...cells].map((line) => (line[column] ?? title).length)),
  );
  const lines = [header, ...cells].map((line) =>
    line
      .map((cell, column) => (column === 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n\n${describeMachine()}\n`;
}

/** What the numbers were taken on: a load above the number of cores makes the times worthless. */
export function describeMachine(): string {
  const [processor] = cpus();
  const load = loadavg().map((value) => value.toFixed(1));
  return `${cpus().length} × ${processor?.model.trim() ?? "?"}, Node ${process.versions.node}, load ${load.join(" ")}`;
}

function verdictOf(row: Row): string {
  const met = isMet(row);
  if (met === undefined) return "";
  return met ? "ok" : "MISSED";
}

function figureOf({ value, unit }: Row): string {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : 2;
  return `${value.toFixed(digits)} ${unit}`.trim();
}

function goalOf({ goal, unit }: Row): string {
  if (goal === undefined) return "";
  return `${"atMost" in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`} ${unit}`.trim();
}
