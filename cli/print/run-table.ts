import type { Artifact } from "../../shared/protocol/products.ts";
import type { JobView } from "../../shared/protocol/runs.ts";
import type { RunJobs } from "../follow/follow-run.ts";
import { checkAnswers, lastAttempt } from "./announce.ts";
import { printBytes, printDuration } from "./duration.ts";
import { makePaint, type Paint } from "./paint.ts";
import { sanitizeLine } from "./sanitize.ts";
import { printTable } from "./table.ts";

/** The end of a run at a glance: a row per job, and the verdict. `nowMs` measures what still runs. */
export function printRunTable(seen: RunJobs, colour: boolean, nowMs: number): string {
  const paint = makePaint(colour);
  const rows = seen.jobs.map((job) => [
    job.id,
    checkAnswers(job, seen.checks)
      .map(({ name, answer }) => paintAnswer(paint, answer, name === job.id ? answer : `${name} ${answer}`))
      .join(", "),
    String(job.attempts.length),
    jobDuration(job, nowMs),
    printArtifacts(job),
  ]);
  const table =
    rows.length === 0 ? "" : printTable(["JOB", "CHECK", "ATTEMPTS", "DURATION", "ARTIFACTS"].map(paint.dim), rows);
  return `${table}${printVerdict(seen, paint, nowMs)}\n`;
}

function printVerdict({ run }: RunJobs, paint: Paint, nowMs: number): string {
  const took = printDuration((run.endedAtMs ?? nowMs) - run.createdAtMs);
  const reason = run.reason === undefined ? "" : `: ${sanitizeLine(run.reason.replaceAll("\n", " "), false)}`;
  const tone = run.state === "succeeded" ? paint.green : paint.red;
  return `${run.id} ${tone(`${run.state.replace("_", " ")}${reason}`)} ${paint.dim(`in ${took}`)}`;
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
