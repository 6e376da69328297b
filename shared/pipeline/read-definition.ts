import { JOBS_MAX } from "../domain/limits.ts";
import { jobId } from "../protocol/ids.ts";
import type { JobDefinition, PipelineDefinition } from "./definition.ts";
import { quoted } from "./problem.ts";
import { readEnv } from "./read-env.ts";
import { readJob } from "./read-job.ts";
import { readTriggers } from "./read-triggers.ts";
import { atMost, readBoolean, readEntries, readFields, readText, type Slot } from "./read-values.ts";

/**
 * Reads a whole file's tree. It always answers a definition, as complete as the problems allow, so that the checks
 * that follow can find the other problems too; it is only good where no problem was reported.
 */
export function readDefinition(root: Slot, file: string): PipelineDefinition {
  const fields = readFields(root, ["pipeline", "on", "supersede", "env", "jobs"]);
  const jobs = fields?.slot("jobs");
  if (fields !== undefined && jobs === undefined) root.problems.missing(fields.at, 'the file needs "jobs"');
  return {
    file,
    name: readText(fields?.slot("pipeline")),
    on: readTriggers(fields?.slot("on")),
    supersede: readBoolean(fields?.slot("supersede"), false),
    env: readEnv(fields?.slot("env")),
    ...(jobs === undefined ? { jobs: [], unreadJobs: [] } : readJobs(jobs)),
  };
}

function readJobs(slot: Slot): Pick<PipelineDefinition, "jobs" | "unreadJobs"> {
  const entries = readEntries(slot, "of jobs by id");
  if (slot.tree.kind === "map" && entries.length === 0)
    slot.problems.missing(slot.tree.at, "jobs needs at least one job");
  const jobs: JobDefinition[] = [];
  const unreadJobs: string[] = [];
  for (const entry of atMost(entries, { max: JOBS_MAX, limit: "JOBS_MAX", slot })) {
    const id = jobId.safeParse(entry.key);
    const what = id.success ? `jobs.${entry.key}` : `jobs.${quoted(entry.key)}`;
    if (!id.success) slot.problems.report(entry.at, `${quoted(entry.key)}: ${id.error.issues[0]?.message}`);
    const job = readJob({ ...slot, what, tree: entry.value }, entry);
    if (job === undefined) unreadJobs.push(entry.key);
    else jobs.push(job);
  }
  return { jobs, unreadJobs };
}
