import type { Client } from "../../shared/protocol/client.ts";
import { listAllJobs } from "../../shared/protocol/list-all-jobs.ts";
import type { AttemptView, JobView } from "../../shared/protocol/runs.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { followRun } from "../follow/follow-run.ts";
import { CHUNK_TRIES_MAX, type LogReader, readLog, startOfLog } from "../follow/read-log.ts";
import { printGap } from "../print/announce.ts";
import { makeFollowPrinter } from "../print/follow-printer.ts";
import { makeLinePrinter } from "../print/line-printer.ts";
import { jobColour, makePaint } from "../print/paint.ts";
import { shareLines } from "../print/shared-lines.ts";
import { type ConnectedOptions, connect, findRun, printJson } from "./find-run.ts";

interface LogsOptions extends ConnectedOptions {
  readonly follow?: boolean;
  readonly attempt?: number;
}

/** `baton runs logs RUN [JOB]`. With one job its output stands as it is; with all of them behind `job │`. */
export async function logsCommand(
  context: Context,
  run: string,
  jobId: string | undefined,
  options: LogsOptions,
): Promise<void> {
  if (jobId === undefined && options.attempt !== undefined)
    throw new CommandError("--attempt counts the attempts of one job: name the job, too");
  const client = await connect(context, options);
  const runId = await findRun(client, run);
  const { jobs: all } = await listAllJobs(client, runId);
  const jobs = all.filter((job) => jobId === undefined || job.id === jobId);
  if (jobs.length === 0) throw new CommandError(noSuchJob(runId, jobId, all));
  if (options.follow === true && options.attempt !== undefined) {
    throw new CommandError("--follow goes on to later attempts: leave out --attempt, or leave out --follow");
  }
  if (options.json === true) return printJson(context, await indexOf(client, jobs, options.attempt));
  // A job that was kept does not move: its log is there, and is what was asked for.
  const isKept = jobId !== undefined && jobs.every((job) => job.inheritedFrom !== undefined);
  if (options.follow === true && !isKept) {
    const { colour } = context.environment;
    const sink = makeFollowPrinter({ output: context.out, colour: colour.stdout });
    await followRun({ client, runId, sink, ...(jobId === undefined ? {} : { jobId }) });
    return;
  }
  const width = Math.max(...jobs.map((job) => job.id.length));
  for (const [at, job] of jobs.entries()) {
    const attempt = pickAttempt(job, options.attempt);
    if (attempt === undefined && jobId !== undefined)
      await context.err.write(`${job.id} has no attempt yet (${job.state})\n`);
    if (attempt === undefined) continue;
    const tint = jobColour(makePaint(context.environment.colour.stdout), at);
    await printLog(context, client, job, attempt, jobId === undefined ? `${tint(`${job.id.padEnd(width)} │`)} ` : "");
  }
}

async function printLog(
  context: Context,
  client: Client,
  job: JobView,
  attempt: AttemptView,
  prefix: string,
): Promise<void> {
  const colour = context.environment.colour.stdout;
  const output = shareLines(context.out);
  const lines = makeLinePrinter({ output, prefix, colour });
  const reader: LogReader = {
    output: (bytes) => lines.write(bytes),
    async gap(gap) {
      await lines.flush();
      await output.write(`${prefix}${makePaint(colour).yellow(printGap(gap))}\n`);
    },
  };
  const cursor = startOfLog(job.runId, job.id, attempt.fence);
  // What is there now, of an attempt that runs; a sealed log's missing chunk is asked for again, then told as a gap.
  for (let idle = 0; idle < CHUNK_TRIES_MAX; ) {
    const { state, moved } = await readLog(client, cursor, reader);
    if (state === "end") break;
    if (state === "idle" && cursor.missed === 0) break;
    idle = moved ? 0 : idle + 1;
  }
  await lines.flush();
}

/** The last attempt, or the nth from 1. Throws where that one does not exist. */
function pickAttempt(job: JobView, nth: number | undefined): AttemptView | undefined {
  const attempts = [...job.attempts].sort((a, b) => a.fence - b.fence);
  if (nth === undefined) return attempts.at(-1);
  const picked = attempts[nth - 1];
  if (picked === undefined) throw new CommandError(`${job.id} has no attempt ${nth}; it has had ${attempts.length}`);
  return picked;
}

async function indexOf(client: Client, jobs: readonly JobView[], nth: number | undefined): Promise<unknown> {
  const logs: unknown[] = [];
  for (const job of jobs) {
    const attempt = pickAttempt(job, nth);
    if (attempt === undefined) continue;
    const params = { run: job.runId, job: job.id };
    for (let after = -1; ; ) {
      const page = await client.call("getLog", { params, query: { fence: attempt.fence, after } });
      logs.push({ jobId: job.id, ...page });
      if (!page.more) break;
      after = page.lastSeq;
    }
  }
  return { logs };
}

function noSuchJob(runId: string, jobId: string | undefined, all: readonly JobView[]): string {
  if (jobId === undefined || all.length === 0) return `${runId} has no jobs yet`;
  return `${runId} has no job ${jobId}; it has ${all.map((job) => job.id).join(", ")}`;
}
