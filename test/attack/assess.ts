import { eachOf } from "../../shared/lib/each-of.ts";
import { listAllJobs } from "../../shared/protocol/list-all-jobs.ts";
import { checkLogs } from "./check-logs.ts";
import type { Field } from "./field.ts";
import { judgeRun } from "./judge.ts";
import { expectedOf } from "./plan.ts";
import { addCounts, CLEAN, type Counts } from "./score.ts";
import { probeStaleAttempts } from "./stale-probes.ts";

/** All that the oracle has to say of a field's runs, once they were given the time to end. */
export interface Assessment {
  readonly counts: Counts;
  readonly jobs: number;
  readonly lostAttempts: number;
  readonly staleProbes: number;
  readonly recordedLogBytes: number;
  readonly findings: readonly string[];
}

const READ_WIDTH = 8;

/** Verdicts first, then logs, then what stale attempts can still do. Needs a field without faults. */
export async function assess(field: Field): Promise<Assessment> {
  const { client, network } = field;
  let counts = CLEAN;
  let [jobs, lostAttempts, staleProbes, recordedLogBytes] = [0, 0, 0, 0];
  const findings: string[] = [];
  const seenRuns = await eachOf([...field.runs.keys()], READ_WIDTH, (run) => listAllJobs(client, run));
  // After what Baton says, so that all that it can know of has been signed.
  const signs = Map.groupBy(field.witness(), ({ run }) => run);
  for (const seen of seenRuns) {
    const id = seen.run.id;
    const tasks = field.runs.get(id) ?? [];
    const witness = signs.get(id) ?? [];
    const judged = judgeRun(expectedOf(id, tasks), seen, witness);
    counts = addCounts(counts, judged.counts);
    findings.push(...judged.findings);
    for (const job of seen.jobs) {
      const task = tasks.find((one) => one.id === job.id);
      if (task === undefined) continue;
      const logs = await checkLogs(client, id, task, job, witness);
      counts = addCounts(counts, { lostLogBytes: logs.lostBytes });
      recordedLogBytes += logs.recordedBytes;
      findings.push(...logs.findings);
      lostAttempts += job.attempts.filter(({ end }) => end?.outcome === "lost").length;
    }
    const tokenOf = (job: string, fence: number) => network.leaseTokens.get(`${id}/${job}/${fence}`);
    const probed = await probeStaleAttempts(client, id, seen.jobs, tokenOf);
    counts = addCounts(counts, { staleWrites: probed.accepted });
    findings.push(...probed.findings);
    staleProbes += probed.probes;
    jobs += seen.jobs.length;
  }
  return { counts, jobs, lostAttempts, staleProbes, recordedLogBytes, findings };
}
