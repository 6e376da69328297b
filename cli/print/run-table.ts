import type { RunJobs } from "../../shared/protocol/list-all-jobs.ts";
import type { Artifact } from "../../shared/protocol/products.ts";
import type { JobView } from "../../shared/protocol/runs.ts";
import { checkAnswers, isAllowed, lastAttempt, whyJob } from "./announce.ts";
import { printBytes, printDuration, printTime } from "./duration.ts";
import { makePaint, type Paint } from "./paint.ts";
import { sanitizeLine } from "./sanitize.ts";
import { printTable } from "./table.ts";

/** Why jobs failed is told of so many; a wide run's other failures are mostly the same one. */
const REASONS_MAX = 10;

/** A run at a glance: a row per job, why jobs failed, what was not kept, and the verdict. `nowMs` measures what still runs. */
export function printRunTable(seen: RunJobs, colour: boolean, nowMs: number): string {
  const paint = makePaint(colour);
  const rows = seen.jobs.map((job) => [
    job.id,
    checkAnswers(job, seen.checks)
      .map(({ name, answer }) => paintAnswer(paint, answer, name === job.id ? answer : `${name} ${answer}`))
      .join(", ") +
      (isAllowed(job) ? paint.dim(` (${job.state.replace("_", " ")}, allowed)`) : "") +
      (job.inheritedFrom === undefined ? "" : paint.dim(` (kept from ${job.inheritedFrom})`)),
    String(job.attempts.length),
    jobDuration(job, nowMs),
    printArtifacts(job),
  ]);
  const table =
    rows.length === 0 ? "" : printTable(["JOB", "CHECK", "ATTEMPTS", "DURATION", "ARTIFACTS"].map(paint.dim), rows);
  return `${table}${printReasons(seen.jobs, paint)}${printVerdict(seen, paint, nowMs)}\n`;
}

/** Where a run came from, in a line: `shop · main 66e77ac728 · created 12:00:00 by token:alice`. */
export function printRunOrigin({ run }: RunJobs, nowMs: number): string {
  const commit = run.source === undefined ? "" : ` · ${run.source.branch ?? "–"} ${run.source.sha.slice(0, 10)}`;
  const rerun = run.rerunOf === undefined ? "" : ` · rerun of ${run.rerunOf}`;
  return `${oneLine(`${run.pipeline}${commit} · created ${printTime(run.createdAtMs, nowMs)} by ${run.createdBy}${rerun}`)}\n`;
}

function printReasons(jobs: readonly JobView[], paint: Paint): string {
  const bad = jobs.filter((job) => job.state === "failed" || job.state === "timed_out" || job.state === "lost");
  const lines = bad.slice(0, REASONS_MAX).map((job) => {
    const text = oneLine(`${job.state.replace("_", " ")}${whyJob(job)}`);
    return isAllowed(job)
      ? `✘ ${job.id} ${paint.dim(`${text} (allowed)`)}\n`
      : `${paint.red("✘")} ${job.id} ${paint.red(text)}\n`;
  });
  if (bad.length > REASONS_MAX) lines.push(paint.dim(`and ${bad.length - REASONS_MAX} more that failed\n`));
  const lost = jobs.flatMap((job) =>
    (lastAttempt(job)?.end?.losses ?? []).map((loss) => oneLine(`${job.id}: ${loss}`)),
  );
  lines.push(...lost.slice(0, REASONS_MAX).map((line) => `${paint.yellow("!")} ${line}\n`));
  if (lost.length > REASONS_MAX) lines.push(paint.dim(`and ${lost.length - REASONS_MAX} more that was not kept\n`));
  return lines.join("");
}

const oneLine = (text: string): string => sanitizeLine(text.replaceAll("\n", " "), false);

function printVerdict({ run }: RunJobs, paint: Paint, nowMs: number): string {
  const took = `${run.endedAtMs === undefined ? "for" : "in"} ${printDuration((run.endedAtMs ?? nowMs) - run.createdAtMs)}`;
  const reason = run.reason === undefined ? "" : `: ${oneLine(run.reason)}`;
  const tone = run.state === "succeeded" ? paint.green : run.endedAtMs === undefined ? paint.yellow : paint.red;
  return `${run.id} ${tone(run.state.replace("_", " "))} ${paint.dim(took)}${reason}`;
}

const MARKS: Readonly<Record<string, string>> = { passed: "✔", failed: "✘", errored: "✘" };

function paintAnswer(paint: Paint, answer: string, text: string): string {
  const marked = `${MARKS[answer] ?? "–"} ${text.replace("_", " ")}`;
  if (answer === "passed") return paint.green(marked);
  return answer === "failed" || answer === "errored" ? paint.red(marked) : paint.dim(marked);
}

function jobDuration(job: JobView, nowMs: number): string {
  const startedAtMs = Math.min(...job.attempts.map((attempt) => attempt.startedAtMs ?? attempt.grantedAtMs));
  if (!Number.isFinite(startedAtMs)) return "–";
  return printDuration((job.endedAtMs ?? nowMs) - startedAtMs);
}

function printArtifacts(job: JobView): string {
  const artifacts: readonly Artifact[] =
    lastAttempt(job)?.fence === job.result?.fence ? (lastAttempt(job)?.end?.artifacts ?? []) : [];
  if (artifacts.length === 0) return "–";
  const files = artifacts.reduce((sum, artifact) => sum + artifact.files, 0);
  const bytes = artifacts.reduce((sum, artifact) => sum + artifact.bytes, 0);
  return `${files} ${files === 1 ? "file" : "files"}, ${printBytes(bytes)}`;
}
