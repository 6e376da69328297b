import type { Client } from "../../shared/protocol/client.ts";
import type { AttemptView, JobView } from "../../shared/protocol/runs.ts";
import { makeLossMeter } from "./log-loss.ts";
import { type Task, writtenBy } from "./plan.ts";
import { openLogOf } from "./read-log.ts";
import type { Sign } from "./witness.ts";

/** What is known of a job's logs, over all of its attempts. */
export interface LogFindings {
  readonly lostBytes: number;
  /** Bytes that a seal says were lost. */
  readonly recordedBytes: number;
  readonly findings: readonly string[];
}

export async function checkLogs(
  client: Client,
  run: string,
  task: Task,
  job: JobView,
  witness: readonly Sign[],
): Promise<LogFindings> {
  let [lost, recordedBytes] = [0, 0];
  const findings: string[] = [];
  for (const attempt of job.attempts) {
    const signs = witness.filter((one) => one.run === run && one.job === task.id && one.fence === attempt.fence);
    const nonce = signs[0]?.nonce;
    if (nonce === undefined) continue;
    const whole = isResult(attempt) && signs.some(({ sign }) => sign === "end");
    const lostHere = await lossOf(client, { run, job: task.id, fence: attempt.fence }, task, nonce, whole);
    if (lostHere > 0) findings.push(`${run}/${task.id}: ${lostHere} bytes of attempt ${attempt.fence}'s log are lost`);
    lost += lostHere;
    recordedBytes += attempt.end?.log?.lostBytes ?? 0;
  }
  return { lostBytes: lost, recordedBytes, findings };
}

const isResult = ({ end }: AttemptView): boolean => end?.outcome === "succeeded" || end?.outcome === "failed";

/**
 * Of a result that printed all of its output everything must be there, or recorded as lost. Of any other attempt (lost,
 * timed out) what is there must be what was written, from the start, without a hole.
 */
async function lossOf(
  client: Client,
  place: { readonly run: string; readonly job: string; readonly fence: number },
  task: Task,
  nonce: string,
  whole: boolean,
): Promise<number> {
  const meter = makeLossMeter(writtenBy(task, nonce));
  const log = await openLogOf(client, place);
  for await (const piece of log.pieces) meter.add(piece);
  // That not even the index could be kept is the record; the chunks stand in the bucket without their places.
  if (log.indexLost) return 0;
  return whole ? meter.total(log.gaps) : meter.differing;
}
