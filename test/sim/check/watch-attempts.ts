import type { Emit } from "../../../runner/events.ts";
import type { PlannedJob } from "../../../shared/domain/plan.ts";
import type { JobItem } from "../../../shared/store/items.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { AttemptWatch } from "../world/sim-executor.ts";
import type { AttemptProcesses } from "../world/sim-processes.ts";
import type { SimTable, TableWrite } from "../world/sim-table.ts";
import type { Report } from "./violation.ts";
import type { Truth } from "./watch-table.ts";

/** What really runs, and what is really written: the truth beside the table. */
export interface WatchedAttempts extends Truth, AttemptWatch {
  /** Processes that run now. */
  running(): number;
  readonly emitted: Emit;
  readonly logged: (spool: string, bytes: Buffer) => void;
  /** By `<run>/<job>/<fence>`. */
  readonly logs: ReadonlyMap<string, readonly Buffer[]>;
  checkEnd(report: Report): void;
}

export interface WatchAttempts {
  readonly sim: Simulation;
  readonly table: SimTable;
  /** Every job that there may be. */
  readonly jobs: readonly Pick<PlannedJob, "id" | "spec">[];
  /** Whether nothing has struck that an attempt may be lost to. */
  readonly harmless: () => boolean;
  readonly bucketStruck: () => boolean;
}

/** Ends of an attempt for its runner that something must have caused. */
const ODD_ENDS: ReadonlySet<string> = new Set(["released", "broken", "stale", "fenced", "unanswered", "unclean"]);

export function watchAttempts(
  { sim, table, jobs, harmless, bucketStruck }: WatchAttempts,
  report: Report,
): WatchedAttempts {
  const attempts: AttemptProcesses[] = [];
  const logs = new Map<string, Buffer[]>();
  const steps = new Map(jobs.map(({ id, spec }) => [id, spec.steps.length]));
  const jobOf = ({ runId, jobId }: AttemptProcesses) =>
    table.get({ pk: `T#main#RUN#${runId}`, sk: `JOB#${jobId}` }) as unknown as JobItem | undefined;

  table.watch((write) => {
    const lost = lostAttempt(write);
    if (lost !== undefined && harmless()) report(14, `${lost} was lost, and nothing had struck it`);
    const untold = lossesOf(write);
    if (untold !== undefined && harmless() && !bucketStruck())
      report(12, `${untold}, and nothing had struck the bucket`);
    if (write.move?.name.startsWith("expire") === true && harmless())
      report(13, `${write.move.name} ended an attempt of job ${String(write.after["jobId"])}, and its holder was well`);
  });

  return {
    attempts,
    logs,
    running: () => attempts.reduce((sum, one) => sum + one.running.size, 0),
    allWell: ({ jobId, exits }) => exits.length === steps.get(jobId) && exits.every((exitCode) => exitCode === 0),
    emitted(event) {
      if (event.type === "attempt_ended" && ODD_ENDS.has(event.end) && harmless())
        report(
          6,
          `attempt ${event.fence} of job ${event.job} was ${event.end} to its runner, and nothing had struck it`,
        );
    },
    logged(spool, bytes) {
      // /sim/<run>/<job>/<fence>/<random>/spool
      const [, , runId, jobId, fence] = spool.split("/");
      const name = `${runId}/${jobId}/${fence}`;
      const all = logs.get(name) ?? [];
      all.push(bytes);
      logs.set(name, all);
    },
    started(attempt) {
      const { runId, jobId, fence } = attempt;
      if (attempts.some((one) => one.runId === runId && one.jobId === jobId && one.fence === fence))
        report(4, `attempt ${fence} of job ${jobId} was started twice`);
      attempts.push(attempt);
    },
    onStep(attempt) {
      const { jobId, fence, runId } = attempt;
      const job = jobOf(attempt);
      if (job?.attempts[String(fence)]?.startedAtMs === undefined)
        report(10, `a step of job ${jobId} started at fence ${fence} before that was acknowledged`);
      for (const other of attempts)
        if (
          other !== attempt &&
          other.runId === runId &&
          other.jobId === jobId &&
          other.running.size > 0 &&
          !other.slept
        )
          report(8, `a step of job ${jobId} started at fence ${fence} while one of fence ${other.fence} runs`);
      if (job !== undefined && job.fence !== fence && !attempt.slept)
        report(8, `a step of job ${jobId} started at fence ${fence}, and the job stands at ${job.fence}`);
      sim.tell(() => `  a step of ${jobId} starts at fence ${fence}`);
    },
    checkEnd(note) {
      for (const { jobId, fence, running } of attempts)
        if (running.size > 0) note(8, `processes of attempt ${fence} of job ${jobId} still run`);
    },
  };
}

/** What the attempt that this write ends could not store. */
function lossesOf({ before, after }: TableWrite): string | undefined {
  if (before?.["lease"] === undefined || after["lease"] !== undefined) return undefined;
  const { jobId, fence, attempts } = after as unknown as JobItem;
  const [loss] = attempts[String(fence)]?.end?.losses ?? [];
  return loss === undefined ? undefined : `attempt ${fence} of job ${jobId} says "${loss}"`;
}

/** The attempt that this write ends as lost. */
function lostAttempt({ before, after }: TableWrite): string | undefined {
  if (before?.["lease"] === undefined || after["lease"] !== undefined) return undefined;
  const { jobId, fence, attempts } = after as unknown as JobItem;
  return attempts[String(fence)]?.end?.outcome === "lost" ? `attempt ${fence} of job ${jobId}` : undefined;
}
