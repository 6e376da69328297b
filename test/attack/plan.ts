import { exactly, joined, type Output, repeated } from "./output.ts";
import { SAY } from "./witness.ts";

/** Jobs to attack: what they do, and, independently of Baton, what must come of them. */

export interface Task {
  readonly id: string;
  readonly needs?: readonly string[];
  /** 0 where absent. */
  readonly exit?: number;
  /** Output, `<nonce>\n` again and again. */
  readonly bytes?: number;
  /** Signs of life, a tenth of a second apart. */
  readonly beats?: number;
  /** A file whose content is printed `times` instead. */
  readonly file?: { readonly path: string; readonly content: Buffer; readonly times: number };
  /** Lines of sh after the output. */
  readonly script?: string;
  /** The runner's own lines before those of the step. */
  readonly before?: string;
  /** What is kept of its workspace, and whose artifacts it gets. */
  readonly artifacts?: { readonly paths?: readonly string[]; readonly from?: readonly string[] };
  readonly timeout?: string;
  /** What becomes of it where that does not follow from `exit`. */
  readonly state?: "succeeded" | "failed" | "timed_out";
}

export interface ExpectedRun {
  readonly id: string;
  readonly state: "succeeded" | "failed";
  readonly jobs: readonly {
    readonly id: string;
    readonly state: "succeeded" | "failed" | "timed_out" | "skipped";
    /** Its step gets to its end. */
    readonly finishes: boolean;
  }[];
}

const LOST_RETRIES = 10;

/** The pipeline's text. `witness`: the file that steps write to. */
export function pipelineOf(tasks: readonly Task[], witness: string): string {
  return JSON.stringify({ jobs: Object.fromEntries(tasks.map((task) => [task.id, jobOf(task, witness)])) });
}

function jobOf(task: Task, witness: string) {
  const { needs, bytes = 0, beats = 0, file, timeout = "10m" } = task;
  const script = [
    ...SAY,
    "say start",
    ...(bytes > 0 ? [`yes "$nonce" | head -c ${bytes}`] : []),
    ...(file === undefined ? [] : [`i=0; while [ $i -lt ${file.times} ]; do cat "${file.path}"; i=$((i+1)); done`]),
    ...(beats > 0 ? [`i=0; while [ $i -lt ${beats} ]; do sleep 0.1; say alive; i=$((i+1)); done`] : []),
    ...(task.script === undefined ? [] : [task.script]),
    "say end",
    `exit ${task.exit ?? 0}`,
  ].join("\n");
  return {
    ...(needs === undefined ? {} : { needs }),
    ...(task.artifacts === undefined ? {} : { artifacts: task.artifacts }),
    timeout,
    retries: { failed: 0, lost: LOST_RETRIES },
    env: { WITNESS: witness },
    run: script,
  };
}

/** What must come of it: a job whose need does not succeed is skipped, and a run with a job that failed has failed. */
export function expectedOf(id: string, tasks: readonly Task[]): ExpectedRun {
  const states = new Map<string, ExpectedRun["jobs"][number]["state"]>();
  for (const { id: job, needs = [], exit = 0, state } of tasks) {
    const met = needs.every((need) => states.get(need) === "succeeded");
    const own = state ?? (exit === 0 ? "succeeded" : "failed");
    states.set(job, met ? own : "skipped");
  }
  const jobs = tasks.map((task) => {
    const state = states.get(task.id) ?? "skipped";
    return { id: task.id, state, finishes: state === "succeeded" || (state === "failed" && task.state === undefined) };
  });
  return {
    id,
    state: jobs.some(({ state }) => state === "failed" || state === "timed_out") ? "failed" : "succeeded",
    jobs,
  };
}

/** The log up to the end of the step's output: the runner's own line before it stands in runner/run-steps.ts. */
export function writtenBy(task: Task, nonce: string): Output {
  const printed: Output[] = [exactly(`${task.before ?? ""}--- step 1/1: run\n`)];
  if (task.bytes !== undefined && task.bytes > 0) printed.push(repeated(Buffer.from(`${nonce}\n`), task.bytes));
  if (task.file !== undefined) printed.push(repeated(task.file.content, task.file.content.length * task.file.times));
  return joined(...printed);
}
