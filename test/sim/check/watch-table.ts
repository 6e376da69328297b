import type { CheckItem, JobItem, JoinItem, RunItem } from "../../../shared/store/items.ts";
import type { AttemptProcesses } from "../world/sim-processes.ts";
import type { SimTable, TableWrite } from "../world/sim-table.ts";
import { checkJobWrite } from "./job-writes.ts";
import { answerToCheck, ENDED_JOB, ENDED_RUN, needsHold, tellingOf, verdictOf } from "./oracle.ts";
import type { Report } from "./violation.ts";

/** Looks at every write that the table accepts, in the light of what really runs. */
export interface Watched {
  /** Runs that have not ended. */
  readonly openRuns: number;
  readonly writes: number;
}

export interface Truth {
  /** Every attempt that an executor took hold of. */
  readonly attempts: readonly AttemptProcesses[];
  /** Whether the scripts of an attempt all ended well. */
  readonly allWell: (attempt: AttemptProcesses) => boolean;
}

export function watchTable(table: SimTable, truth: Truth, report: Report): Watched {
  const watched = { openRuns: 0, writes: 0 };
  table.watch((write) => {
    watched.writes += 1;
    const family = write.after["family"];
    if (family === "run") {
      if (write.before === undefined) watched.openRuns += 1;
      else if (!ENDED_RUN.has(String(write.before["state"])) && ENDED_RUN.has(String(write.after["state"])))
        watched.openRuns -= 1;
    }
    if (write.before === undefined || write.move === undefined || write.args === undefined) return;
    if (family === "job") jobWritten(table, truth, write, report);
    if (family === "run") runWritten(table, write, report);
    if (family === "join") nodeEnded(table, write, report);
    if (family === "check") checkWritten(table, write, report);
  });
  return watched;
}

/** The jobs of a run as they stand. */
export function jobsOf(table: SimTable, pk: string): JobItem[] {
  return table.query(pk, "JOB#", "JOB$") as unknown as JobItem[];
}

function jobWritten(table: SimTable, truth: Truth, write: TableWrite, report: Report): void {
  const before = write.before as unknown as JobItem;
  const after = write.after as unknown as JobItem;
  const move = write.move?.name ?? "";
  checkJobWrite({ before, after, move, args: write.args ?? {} }, report);
  const { jobId, runId } = before;
  if (move === "claim")
    for (const one of truth.attempts)
      if (one.runId === runId && one.jobId === jobId && one.running.size > 0 && !one.slept)
        report(8, `job ${jobId} was granted at fence ${after.fence} while processes of fence ${one.fence} run`);
  const mine = truth.attempts.find((one) => one.runId === runId && one.jobId === jobId && one.fence === before.fence);
  if (after.state === "succeeded" && (mine === undefined || !truth.allWell(mine)))
    report(2, `job ${jobId} succeeded at fence ${before.fence}, and its steps did not`);
  if (/^(succeed|fail|timeOut|retry|release.*|stopped.*)$/.test(move) && mine !== undefined && mine.running.size > 0)
    report(8, `${move} ended attempt ${before.fence} of job ${jobId} while its processes run`);
  if (
    after.state === "canceled" &&
    !["canceling", "canceled", "timed_out"].includes(String(table.get({ pk: write.key.pk, sk: "RUN" })?.["state"]))
  )
    report(6, `job ${jobId} was canceled, and nobody had asked for it`);
  needsAnswered(table, write, { before, after }, report);
}

function needsAnswered(
  table: SimTable,
  { key, move, args }: TableWrite,
  { before, after }: { readonly before: JobItem; readonly after: JobItem },
  report: Report,
): void {
  if (before.state !== "waiting") return;
  const jobs = new Map(jobsOf(table, key.pk).map((job) => [job.jobId, job]));
  if (move?.name === "resolve") {
    const source = jobs.get(String(args?.["source"]));
    if (source === undefined || !ENDED_JOB.has(source.state) || tellingOf(source) !== args?.["outcome"])
      report(
        16,
        `job ${before.jobId} was told that ${source?.jobId} ${String(args?.["outcome"])}: it is ${source?.state}`,
      );
    if (Object.keys(before.resolved).includes(String(args?.["source"])))
      report(16, `job ${before.jobId} was told a second time of ${source?.jobId}`);
  }
  if (before.needs === undefined) return;
  const hold = needsHold(before.needs, jobs);
  if (after.state === "queued" && hold !== "yes")
    report(16, `job ${before.jobId} was queued, and its needs say ${hold}`);
  if (after.state === "skipped" && hold !== "no")
    report(16, `job ${before.jobId} was skipped, and its needs say ${hold}`);
}

function runWritten(table: SimTable, write: TableWrite, report: Report): void {
  const before = write.before as unknown as RunItem;
  const after = write.after as unknown as RunItem;
  const move = write.move?.name ?? "";
  if (ENDED_RUN.has(before.state)) report(3, `run had ended as ${before.state}, and ${move} wrote it again`);
  if (before.state === "canceling" && after.state !== "canceling" && after.state !== "canceled")
    report(3, `run was canceling, and is ${after.state}`);
  if (move === "tick" && write.args?.["seq"] !== before.tickSeq)
    report(20, `tick ${String(write.args?.["seq"])} was passed on where the chain stands at ${before.tickSeq}`);
  if (move === "endNode") nodeEnded(table, write, report);
  if (!ENDED_RUN.has(after.state) || ["timeOut", "forceCancel", "failPlan"].includes(move)) return;
  const jobs = jobsOf(table, write.key.pk);
  const unfinished = before.planDigest === undefined ? [] : jobs.filter((job) => !ENDED_JOB.has(job.state));
  if (unfinished.length > 0)
    report(16, `run closed as ${after.state} before ${unfinished.map((job) => job.jobId).join(", ")} had ended`);
  if (after.state !== "canceled" && after.state !== verdictOf(jobs))
    report(6, `run closed as ${after.state}, and its jobs say ${verdictOf(jobs)}`);
}

/** Only a node that has ended leaves the set that it hangs in. */
function nodeEnded(table: SimTable, { key, args }: TableWrite, report: Report): void {
  const node = String(args?.["node"]);
  const item = table.get({ pk: key.pk, sk: node });
  const ended =
    (item?.["family"] === "job" && ENDED_JOB.has((item as unknown as JobItem).state)) ||
    (item?.["family"] === "check" && (item as unknown as CheckItem).state === "final") ||
    (item?.["family"] === "join" && (item as unknown as JoinItem).open === undefined);
  if (!ended) report(16, `node ${node} was counted as ended, and it is ${String(item?.["state"])}`);
}

function checkWritten(table: SimTable, write: TableWrite, report: Report): void {
  const before = write.before as unknown as CheckItem;
  const after = write.after as unknown as CheckItem;
  const { checkId } = before;
  if (before.state === "final") report(3, `check ${checkId} was final, and was written again`);
  const jobs = jobsOf(table, write.key.pk).filter((job) => Object.keys(job.checks).includes(checkId));
  const answers = Object.keys(after.resolved).length;
  if (answers !== Object.keys(before.resolved).length + 1) report(16, `check ${checkId} counted an answer twice`);
  if ((after.state === "final") !== (answers === before.jobs.length))
    report(16, `check ${checkId} is ${after.state} after ${answers} of ${before.jobs.length} answers`);
  if (after.state !== "final") return;
  const said = jobs.map(answerToCheck);
  const expected = said.includes("failed") ? "failed" : said.includes("errored") ? "errored" : "passed";
  if (after.outcome !== expected) report(6, `check ${checkId} is ${after.outcome}, and its jobs say ${expected}`);
}
