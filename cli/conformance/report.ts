import { stripVTControlCharacters } from "node:util";
import type { CheckResult } from "./conform.ts";

/** The outcome of `baton conformance`, as `--json` writes it. */
export interface ConformanceReport {
  readonly tool: "conformance";
  readonly url: string;
  readonly pool: string;
  readonly atMs: number;
  readonly ms: number;
  readonly skipped: readonly string[];
  readonly checks: readonly CheckResult[];
}

/** 0: all hold. 1: one is broken. 2: one is unclear. */
export function exitOf(checks: readonly CheckResult[]): 0 | 1 | 2 {
  if (checks.some(({ verdict }) => verdict === "broken")) return 1;
  return checks.length > 0 && checks.every(({ verdict }) => verdict === "holds") ? 0 : 2;
}

/** The report for people who read it elsewhere. */
export function toMarkdown(report: ConformanceReport): string {
  const { url, pool, atMs, checks, skipped } = report;
  const count = (verdict: CheckResult["verdict"]) => checks.filter((check) => check.verdict === verdict).length;
  const rows = checks.map((check) => {
    const proof = check.invariants.length === 0 ? "–" : check.invariants.join(", ");
    return `| ${check.verdict} | \`${check.id}\` | ${cell(check.proves)} | ${proof} | ${check.ms} | ${cell(check.detail ?? "")} |`;
  });
  return [
    "# Conformance of a Baton control plane",
    "",
    `\`${cell(url)}\`, pool \`${pool}\`, ${new Date(atMs).toISOString()}: ${count("holds")} hold, ${count("broken")} broken, ${count("unclear")} unclear.`,
    ...(skipped.length === 0 ? [] : ["", `Left out: ${skipped.map((id) => `\`${id}\``).join(", ")}.`]),
    "",
    "| verdict | check | what it proves | invariants | ms | what happened |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

const cell = (text: string): string => stripVTControlCharacters(text).replaceAll("|", "\\|").replaceAll("\n", " ");
