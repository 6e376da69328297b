import { COUNT_NAMES, type Counts, type Score, verdictOf } from "./score.ts";

/** What `npm run attack --json` writes, and docs/TRUST.md is printed from. */
export interface AttackReport {
  readonly tool: "attack";
  readonly command: string;
  readonly atMs: number;
  readonly seed: number;
  readonly seconds: number;
  readonly machine: {
    readonly cores: number;
    readonly memoryGib: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly scores: readonly Score[];
}

const FINDINGS_MAX = 40;

/** The score table for a terminal: what was found below it. */
export function printScores({ scores, seed, seconds, command }: AttackReport): string {
  const counts = Object.keys(COUNT_NAMES) as (keyof Counts)[];
  const head = [
    "attack",
    "runs",
    "faults",
    "lost attempts",
    "stale probes",
    ...counts.map((name) => COUNT_NAMES[name]),
    "log bytes lost, recorded",
    "recovery p50/max",
    "verdict",
  ];
  const rows = scores.map((score) => [
    score.attack,
    String(score.runs),
    String(score.faults),
    String(score.lostAttempts),
    String(score.staleProbes),
    ...counts.map((name) => String(score.counts[name])),
    String(score.recordedLogBytes),
    recovery(score),
    score.skipped === undefined ? verdictOf(score) : "left out",
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const goals = scores.flatMap(({ attack, goals: all }) =>
    all.map((goal) => `${attack}: ${goal.what}: ${goal.ms} (at most ${goal.atMostMs})`),
  );
  const findings = scores.flatMap(({ attack, findings: all, skipped }) => [
    ...(skipped === undefined ? [] : [`${attack}: left out: ${skipped}`]),
    ...all.map((one) => `${attack}: ${one}`),
  ]);
  return [
    "",
    line(head),
    ...rows.map(line),
    "",
    ...goals,
    ...findings.slice(0, FINDINGS_MAX),
    "",
    `seed ${seed}, ${seconds} s; again: ${command}`,
  ].join("\n");
}

function recovery({ recoveryMs }: Score): string {
  if (recoveryMs === undefined) return "–";
  return `${(recoveryMs.p50 / 1_000).toFixed(1)} / ${(recoveryMs.max / 1_000).toFixed(1)} s`;
}
