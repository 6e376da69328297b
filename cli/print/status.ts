import type { Status } from "../../shared/protocol/status.ts";
import { printDuration } from "./duration.ts";
import { makePaint, type Paint } from "./paint.ts";
import { sanitizeLine } from "./sanitize.ts";
import { printTable } from "./table.ts";

const UNKNOWN = "?";

/** How a control plane is, for people. What is unknown says so. */
export function printStatus(status: Status, colour: boolean): string {
  const paint = makePaint(colour);
  const blocks = [
    headOf(status, paint),
    printPools(status, paint),
    printRunners(status, paint),
    status.unknown.map(({ what, why }) => paint.yellow(`unknown: ${what}: ${sanitizeLine(why, false)}\n`)).join(""),
  ];
  return blocks.filter((block) => block !== "").join("\n");
}

function headOf(status: Status, paint: Paint): string {
  const rows: (readonly [string, string])[] = [
    ["runs", runsOf(status)],
    ["jobs", jobsOf(status)],
    ["oldest wait", oldestWaitOf(status)],
    ["last sweep", sweepOf(status, paint)],
    ["dead letters", deadLettersOf(status, paint)],
    ["cost", costOf(status)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${paint.dim(name.padEnd(width))}  ${text}\n`).join("");
}

const more = (status: Status, part: Status["cut"][number]) =>
  status.cut.includes(part) ? " (of those looked at)" : "";

function runsOf(status: Status): string {
  if (status.runs === undefined) return UNKNOWN;
  const { active, pending, executing, finalizing } = status.runs;
  return `${active} active${more(status, "runs")}: ${pending} pending, ${executing} executing, ${finalizing} finalizing`;
}

function jobsOf(status: Status): string {
  if (status.jobs === undefined) return UNKNOWN;
  const { waiting, held, queued, leased } = status.jobs;
  return `${leased} leased, ${queued} queued, ${held} held, ${waiting} waiting for others${more(status, "runs")}`;
}

function oldestWaitOf({ oldestWait, jobs }: Status): string {
  if (jobs === undefined) return UNKNOWN;
  if (oldestWait === undefined) return "–";
  return `${printDuration(oldestWait.waitMs)}: ${oldestWait.run} ${oldestWait.job}, pool ${oldestWait.pool}`;
}

function sweepOf({ sweep, atMs }: Status, paint: Paint): string {
  if (sweep === undefined) return UNKNOWN;
  const ago = `${printDuration(atMs - sweep.endedAtMs)} ago`;
  return sweep.failedParts.length === 0 ? ago : `${ago}; ${paint.red(`failed: ${sweep.failedParts.join(", ")}`)}`;
}

function deadLettersOf({ deadLetters }: Status, paint: Paint): string {
  const shown = deadLetters.map(({ queue, messages }) => {
    const text = `${queue} ${messages ?? UNKNOWN}`;
    return messages !== undefined && messages > 0 ? paint.red(text) : text;
  });
  return shown.join(", ");
}

const COUNTED_BY = { process: "what this process would have cost on AWS", cloudwatch: "this month" } as const;

function costOf({ cost }: Status): string {
  if (cost === undefined) return UNKNOWN;
  const since = new Date(cost.sinceMs).toISOString().slice(0, 16).replace("T", " ");
  const each = Object.entries(cost.byService).map(([service, dollars]) => `${service} ${printDollars(dollars)}`);
  return `about ${printDollars(cost.dollars)}, ${COUNTED_BY[cost.countedBy]} since ${since} UTC (${each.join(", ")}); without ${cost.notCounted.join(", ")}`;
}

/** Cents matter, and so do their hundredths: a job costs few. */
function printDollars(dollars: number): string {
  return dollars > 0 && dollars < 0.01 ? `$${dollars.toFixed(5)}` : `$${dollars.toFixed(2)}`;
}

const shown = (count: number | undefined) => (count === undefined ? UNKNOWN : String(count));

function printPools({ pools }: Status, paint: Paint): string {
  const rows = pools.map(({ name, offers, queued, leased }) => [name, shown(queued), shown(leased), shown(offers)]);
  return printTable(["POOL", "QUEUED", "LEASED", "OFFERS"].map(paint.dim), rows);
}

function printRunners(status: Status, paint: Paint): string {
  const { runners, atMs } = status;
  if (runners.length === 0)
    return status.unknown.some(({ what }) => what === "runners")
      ? ""
      : "no runner has opened a session in the last hour\n";
  const state = { available: paint.green, busy: paint.cyan, offline: paint.red };
  const rows = runners.map((runner) => [
    sanitizeLine(runner.name, false),
    state[runner.state](runner.state),
    `${shown(runner.busy)}/${runner.slots}`,
    String(runner.processes),
    runner.pools.join(", "),
    `${printDuration(atMs - runner.lastSeenAtMs)} ago`,
  ]);
  return printTable(["RUNNER", "STATE", "BUSY", "PROCESSES", "POOLS", "SESSION OPENED"].map(paint.dim), rows);
}
