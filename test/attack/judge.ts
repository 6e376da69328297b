import { isJobEnded } from "../../shared/domain/verdict.ts";
import type { JobView, RunView } from "../../shared/protocol/runs.ts";
import type { ExpectedRun } from "./plan.ts";
import { addCounts, CLEAN, type Counts } from "./score.ts";
import type { Sign } from "./witness.ts";

/** What Baton says of a run, against what must be and what the witness saw. Pure. */

export interface Seen {
  readonly run: RunView;
  readonly jobs: readonly JobView[];
}

export interface Judgement {
  readonly counts: Counts;
  readonly findings: readonly string[];
}

/** Outcomes of attempts that are results; the others are losses and cancels. */
const RESULTS = ["succeeded", "failed", "timed_out"];

export function judgeRun(expected: ExpectedRun, seen: Seen, witness: readonly Sign[]): Judgement {
  const findings: string[] = [];
  let counts = CLEAN;
  const find = (count: Partial<Counts>, text: string): void => {
    counts = addCounts(counts, count);
    findings.push(`${expected.id}${text}`);
  };
  for (const job of expected.jobs) {
    const view = seen.jobs.find(({ id }) => id === job.id);
    const signs = witness.filter((sign) => sign.run === expected.id && sign.job === job.id);
    judgeJob(job, view, signs, (count, text) => find(count, `/${job.id}: ${text}`));
  }
  if (seen.run.state !== expected.state)
    find({ wrongVerdicts: 1 }, `: the run is ${seen.run.state}, and must be ${expected.state}`);
  return { counts, findings };
}

type Find = (count: Partial<Counts>, text: string) => void;

function judgeJob(
  expected: ExpectedRun["jobs"][number],
  view: JobView | undefined,
  signs: readonly Sign[],
  find: Find,
): void {
  if (view === undefined || !isJobEnded(view.state) || view.state === "lost") {
    find({ lostJobs: 1 }, `lost: ${view?.state ?? "unknown"}`);
    return;
  }
  if (view.state !== expected.state) find({ wrongVerdicts: 1 }, `is ${view.state}, and must be ${expected.state}`);
  judgeExecutions(view, signs, find);
  judgeResults(view, find);
  if (RESULTS.includes(view.state)) judgeResult(expected, view, signs, find);
}

/** An attempt runs once, and no two of one job at a time. */
function judgeExecutions(view: JobView, signs: readonly Sign[], find: Find): void {
  const starts = signs.filter(({ sign }) => sign === "start");
  for (const [fence, all] of Map.groupBy(starts, (start) => start.fence)) {
    if (all.length > 1) find({ doubleResults: all.length - 1 }, `attempt ${fence} was run ${all.length} times`);
    const later = starts.filter((start) => start.fence > fence).map(({ atMs }) => atMs);
    const last = Math.max(...signs.filter((sign) => sign.fence === fence).map(({ atMs }) => atMs));
    if (later.some((startMs) => startMs < last)) find({ overlaps: 1 }, `attempt ${fence} still ran beside the next`);
    if (!view.attempts.some((attempt) => attempt.fence === fence))
      find({ staleWrites: 1 }, `attempt ${fence} ran, and Baton does not know it`);
  }
}

function judgeResults(view: JobView, find: Find): void {
  const results = view.attempts.filter(({ end }) => end !== undefined && RESULTS.includes(end.outcome));
  if (results.length > 1) find({ doubleResults: results.length - 1 }, `${results.length} attempts have a result`);
  const fences = view.attempts.map(({ fence }) => fence);
  if (new Set(fences).size !== fences.length) find({ doubleResults: 1 }, `fences repeat: ${fences}`);
  const open = view.attempts.filter(({ end }) => end === undefined);
  if (open.length > 0) find({ lostJobs: 1 }, `attempt ${open[0]?.fence} never ended, though its job did`);
}

/** The result is of an attempt that the witness saw, to its end where it says so. */
function judgeResult(expected: ExpectedRun["jobs"][number], view: JobView, signs: readonly Sign[], find: Find): void {
  const ran = signs.filter(({ fence }) => fence === view.result?.fence);
  if (ran.length === 0) find({ wrongVerdicts: 1 }, `the result is of attempt ${view.result?.fence}, which nobody saw`);
  else if (expected.finishes && !ran.some(({ sign }) => sign === "end"))
    find({ wrongVerdicts: 1 }, `the result is of attempt ${view.result?.fence}, which was not seen to finish`);
  const newest = Math.max(...view.attempts.map(({ fence }) => fence));
  if (view.result?.fence !== newest)
    find({ staleWrites: 1 }, `the result is of ${view.result?.fence}, the newest attempt is ${newest}`);
}
