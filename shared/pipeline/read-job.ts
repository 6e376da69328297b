import {
  CHECKS_PER_JOB_MAX,
  JOB_TIMEOUT_DEFAULT_MS,
  JOB_TIMEOUT_MAX_MS,
  NEEDS_MAX,
  RETRIES_FAILED_DEFAULT,
  RETRIES_LOST_DEFAULT,
  RETRIES_MAX,
} from "../domain/limits.ts";
import { checkId } from "../protocol/ids.ts";
import type { JobDefinition, Located, StepDefinition } from "./definition.ts";
import { printDuration } from "./duration.ts";
import { quoted } from "./problem.ts";
import { readArtifacts } from "./read-artifacts.ts";
import { readEnv, readSecrets } from "./read-env.ts";
import { readShell, readTimeout } from "./read-settings.ts";
import { readRun, readSteps } from "./read-steps.ts";
import { type Fields, readBoolean, readCount, readFields, readText, readWords, type Slot } from "./read-values.ts";
import type { Entry } from "./tree.ts";

const KEYS = [
  "name",
  "needs",
  "run",
  "steps",
  "shell",
  "env",
  "pool",
  "timeout",
  "retries",
  "artifacts",
  "checks",
  "allow_failure",
  "secrets",
];

/** One job. `entry` is its key and value: problems of the job as a whole stand at the key. */
export function readJob(slot: Slot, entry: Entry): JobDefinition | undefined {
  const fields = readFields(slot, KEYS);
  if (fields === undefined) return undefined;
  const timeoutMs = readTimeout(fields.slot("timeout"), JOB_TIMEOUT_MAX_MS, "JOB_TIMEOUT_MAX_MS");
  const job: JobDefinition = {
    id: entry.key,
    at: entry.at,
    name: readText(fields.slot("name")),
    needs: readWords(fields.slot("needs"), NEEDS_MAX, "NEEDS_MAX"),
    steps: readWork(slot, fields, entry),
    shell: readShell(fields.slot("shell")),
    env: readEnv(fields.slot("env")),
    pool: readText(fields.slot("pool")),
    timeoutMs: timeoutMs ?? JOB_TIMEOUT_DEFAULT_MS,
    retries: readRetries(fields.slot("retries")),
    artifacts: readArtifacts(fields.slot("artifacts")),
    checks: readChecks(fields.slot("checks")),
    allowFailure: readBoolean(fields.slot("allow_failure"), false),
    secrets: readSecrets(fields.slot("secrets")),
  };
  checkStepTimeouts(slot, job);
  return job;
}

function readWork(slot: Slot, fields: Fields, entry: Entry): StepDefinition[] {
  const run = fields.slot("run");
  const steps = fields.slot("steps");
  if (run !== undefined && steps !== undefined) {
    slot.problems.report(fields.keyAt("steps"), `${slot.what} has both "run" and "steps"; only one can stand`);
  }
  if (steps !== undefined) return readSteps(steps);
  if (run === undefined) {
    slot.problems.missing(entry.at, `${slot.what} has nothing to do: it needs "run" or "steps"`);
    return [];
  }
  const at = fields.keyAt("run");
  const name = { value: "run", at };
  const script = readRun(run);
  if (script === undefined) return [];
  return [{ at, name, run: script, shell: undefined, env: [], workdir: undefined, timeoutMs: undefined }];
}

function checkStepTimeouts(slot: Slot, job: JobDefinition): void {
  for (const step of job.steps) {
    if (step.timeoutMs === undefined || step.timeoutMs <= job.timeoutMs) continue;
    const [own, whole] = [printDuration(step.timeoutMs), printDuration(job.timeoutMs)];
    slot.problems.report(step.at, `the step may take ${own}, but its job, ${slot.what}, ends after ${whole}`);
  }
}

/** `retries: 2` is the user's budget; `{failed, lost}` names both. */
function readRetries(slot: Slot | undefined): JobDefinition["retries"] {
  const otherwise = { failed: RETRIES_FAILED_DEFAULT, lost: RETRIES_LOST_DEFAULT };
  if (slot === undefined) return otherwise;
  if (slot.tree.kind !== "map") {
    return { ...otherwise, failed: readCount(slot, otherwise.failed, RETRIES_MAX, "RETRIES_MAX") };
  }
  const fields = readFields(slot, ["failed", "lost"]);
  return {
    failed: readCount(fields?.slot("failed"), otherwise.failed, RETRIES_MAX, "RETRIES_MAX"),
    lost: readCount(fields?.slot("lost"), otherwise.lost, RETRIES_MAX, "RETRIES_MAX"),
  };
}

function readChecks(slot: Slot | undefined): Located<string>[] {
  return readWords(slot, CHECKS_PER_JOB_MAX, "CHECKS_PER_JOB_MAX").filter(({ value, at }) => {
    const id = checkId.safeParse(value);
    if (!id.success) slot?.problems.report(at, `${quoted(value)}: ${id.error.issues[0]?.message}`);
    return id.success;
  });
}
