import { listAllJobs } from "../../shared/protocol/list-all-jobs.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { explainJob } from "../explain/explain-job.ts";
import { explainRun } from "../explain/explain-run.ts";
import type { TellTime } from "../explain/tell-time.ts";
import { printDuration, printTime } from "../print/duration.ts";
import { sanitizeLine } from "../print/sanitize.ts";
import { type ConnectedOptions, connect, findRun, printJson } from "./find-run.ts";

/** `baton explain RUN [JOB]`: why it stands where it does. */
export async function explainCommand(
  context: Context,
  run: string,
  jobId: string | undefined,
  options: ConnectedOptions,
): Promise<void> {
  const client = await connect(context, options);
  const runId = await findRun(client, run);
  const seen = await listAllJobs(client, runId);
  const nowMs = context.clock.nowMs();
  const time: TellTime = { nowMs, at: (atMs) => printTime(atMs, nowMs), span: printDuration };
  const job = seen.jobs.find((one) => one.id === jobId);
  if (jobId !== undefined && job === undefined) {
    throw new CommandError(
      `${runId} has no job ${jobId}; it has ${seen.jobs.map((one) => one.id).join(", ") || "none yet"}`,
    );
  }
  const sentences = job === undefined ? explainRun(seen, time) : explainJob(job, seen.jobs, time, seen.run);
  if (options.json === true) return printJson(context, { runId, ...(jobId === undefined ? {} : { jobId }), sentences });
  for (const sentence of sentences) await context.out.write(`${sanitizeLine(sentence.replaceAll("\n", " "), false)}\n`);
}
