import { type LogIndex, type LogSeal, logIndexSchema } from "../../../shared/protocol/products.ts";
import type { CheckItem, JobItem, RunItem } from "../../../shared/store/items.ts";
import { artifactObject, logChunkObject, logIndexObject } from "../../../shared/store/keys.ts";
import { digestOf } from "../world/sim-bucket.ts";
import type { SimTable } from "../world/sim-table.ts";
import { ENDED_JOB, ENDED_RUN } from "./oracle.ts";
import type { Report } from "./violation.ts";
import { jobsOf } from "./watch-table.ts";

/** What must be true once nothing moves any more. */

export interface Ended {
  readonly table: SimTable;
  readonly objects: ReadonlyMap<string, Buffer>;
  /** All that was written to an attempt's log, by `<run>/<job>/<fence>`. */
  readonly logged: ReadonlyMap<string, readonly Buffer[]>;
  /** The budgets that each job was planned with, by job id. */
  readonly budgetOf: (jobId: string) => { readonly failed: number; readonly lost: number } | undefined;
}

export function checkEnd(ended: Ended, report: Report): void {
  const { table } = ended;
  for (const pk of table.partitions()) {
    const run = table.get({ pk, sk: "RUN" }) as unknown as RunItem | undefined;
    if (run === undefined) continue;
    if (!ENDED_RUN.has(run.state)) report(5, `run ${run.runId} never ended: it is ${run.state}`);
    if (run.state === "plan_failed" || run.planDigest === undefined) continue;
    for (const job of jobsOf(table, pk)) {
      if (!ENDED_JOB.has(job.state)) report(5, `job ${job.jobId} never ended: it is ${job.state}`);
      checkAttempts(ended, job, report);
    }
    // Its deadline closed it, whatever its nodes say.
    if (run.state === "timed_out") continue;
    for (const check of table.query(pk, "CHECK#", "CHECK$") as unknown as CheckItem[])
      if (check.state !== "final") report(16, `check ${check.checkId} is ${check.state} in an ended run`);
    if (run.open !== undefined) report(16, `run ${run.runId} is ${run.state} with open nodes`);
  }
}

function checkAttempts(ended: Ended, job: JobItem, report: Report): void {
  if (job.inheritedFrom !== undefined) return;
  const { jobId, fence, attempts, left } = job;
  const numbers = Object.keys(attempts).map(Number);
  if (numbers.length !== fence || numbers.some((number) => number < 1 || number > fence))
    report(1, `job ${jobId} stands at fence ${fence} and has attempts ${numbers.join(", ")}`);
  const budget = ended.budgetOf(jobId);
  if (budget !== undefined && fence > 1 + budget.failed + budget.lost)
    report(14, `job ${jobId} had ${fence} attempts, with ${budget.failed} + ${budget.lost} retries`);
  const spent = { failed: 0, lost: 0 };
  for (const [number, { end }] of Object.entries(attempts)) {
    if (end === undefined) report(3, `attempt ${number} of job ${jobId} has no end`);
    if (Number(number) === fence && job.reason === undefined) continue;
    if (end?.outcome === "lost") spent.lost += 1;
    if (end?.outcome === "failed" || end?.outcome === "timed_out") spent.failed += 1;
  }
  if (budget !== undefined && (budget.failed - left.failed !== spent.failed || budget.lost - left.lost !== spent.lost))
    report(
      14,
      `job ${jobId} paid ${budget.failed - left.failed} failures and ${budget.lost - left.lost} losses for ${spent.failed} and ${spent.lost}`,
    );
  if (job.result !== undefined && job.result.fence !== fence)
    report(2, `the result of job ${jobId} is of fence ${job.result.fence}, and it stands at ${fence}`);
  for (const [number, { end }] of Object.entries(attempts)) {
    const ref = { tenant: job.tenant, runId: job.runId, jobId, fence: Number(number) };
    if (end?.log !== undefined) checkLog(ended, ref, end.log, report);
    for (const { name, sha256 } of end?.artifacts ?? []) {
      const object = ended.objects.get(artifactObject(ref, name));
      if (object === undefined || digestOf(object) !== sha256)
        report(12, `artifact ${name} of attempt ${number} of job ${jobId} is not what was completed`);
    }
    if (end?.reported !== undefined || end?.outcome === "succeeded" || end?.outcome === "failed")
      if (end.log === undefined) report(12, `attempt ${number} of job ${jobId} completed without a sealed log`);
  }
}

type AttemptRef = Parameters<typeof logIndexObject>[0];

function checkLog(ended: Ended, ref: AttemptRef, seal: LogSeal, report: Report): void {
  const name = `the log of attempt ${ref.fence} of job ${ref.jobId}`;
  const truth = Buffer.concat(ended.logged.get(`${ref.runId}/${ref.jobId}/${ref.fence}`) ?? []);
  if (seal.bytes !== truth.length)
    report(11, `${name} is sealed at ${seal.bytes} bytes, and ${truth.length} were written`);
  const index = indexOf(ended, ref, seal, (message) => report(12, `${name}: ${message}`));
  if (index === undefined) return;
  const parts = [...index.chunks, ...index.gaps].sort((a, b) => a.offset - b.offset);
  let at = 0;
  for (const part of parts) {
    if (part.offset !== at) report(11, `${name} goes on at ${part.offset} after ${at}`);
    at = part.offset + part.bytes;
  }
  if (at !== seal.bytes) report(11, `${name} has ${at} of ${seal.bytes} bytes in its chunks and gaps`);
  const lost = index.gaps.reduce((sum, gap) => sum + gap.bytes, 0);
  if (lost !== seal.lostBytes)
    report(11, `${name} says that ${seal.lostBytes} bytes are lost, and its gaps say ${lost}`);
  for (const chunk of index.chunks) {
    const object = ended.objects.get(logChunkObject(ref, chunk.seq));
    if (object === undefined || digestOf(object) !== chunk.sha256)
      report(12, `${name}: chunk ${chunk.seq} is not what was sealed`);
    else if (!object.equals(truth.subarray(chunk.offset, chunk.offset + chunk.bytes)))
      report(11, `${name}: chunk ${chunk.seq} holds other bytes than were written there`);
  }
}

function indexOf(
  { objects }: Ended,
  ref: AttemptRef,
  { index }: LogSeal,
  wrong: (message: string) => void,
): LogIndex | undefined {
  if (index.kind === "inline") return index;
  if (index.kind === "lost") return undefined;
  const object = objects.get(logIndexObject(ref));
  if (object === undefined || digestOf(object) !== index.sha256) {
    wrong("its index is not what was sealed");
    return undefined;
  }
  return logIndexSchema.parse(JSON.parse(object.toString()));
}
