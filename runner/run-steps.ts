import { constants } from "node:os";
import { join } from "node:path";
import type { Step } from "../shared/domain/plan.ts";
import type { Clock } from "../shared/lib/clock.ts";
import { cut } from "../shared/lib/cut.ts";
import type { Failure } from "../shared/protocol/products.ts";
import type { Execution, Folders, StepEnd } from "./executors/executor.ts";
import { describeMs, type Journal } from "./journal.ts";

/** What came of an attempt's work. Where steps may still run (`alive`), they get the whole grace time. */
export type Work =
  | { readonly kind: "succeeded" }
  | {
      readonly kind: "failed";
      readonly failure: Failure;
      readonly exitCode?: number;
      readonly signal?: string;
      readonly alive?: boolean;
    }
  | { readonly kind: "interrupted"; readonly step?: string }
  /** The runner's side broke: nobody's failure, the lease is given back. */
  | { readonly kind: "broken"; readonly cause: unknown };

export interface RunSteps {
  readonly steps: readonly Step[];
  readonly execution: Execution;
  readonly journal: Journal;
  readonly clock: Clock;
  /** After each step: what it did to the folders is undone, or is its failure. */
  readonly mendFolders: (folders: Folders) => Promise<void>;
  readonly stepFolder: (workspace: string, step: Step) => Promise<string>;
  readonly writeScript: (file: string, script: string) => Promise<void>;
  readonly environmentOf: (step: Step) => Record<string, string>;
  readonly onStep: (index: number) => void;
  readonly interrupted: AbortSignal;
}

const SHELL_DEFAULT = "sh";

/** Runs the steps one after the other until one does not succeed. */
export async function runSteps(run: RunSteps): Promise<Work> {
  for (const [index, step] of run.steps.entries()) {
    if (run.interrupted.aborted) return { kind: "interrupted", step: step.name };
    run.onStep(index);
    const work = await runStep(run, step, index);
    if (work.kind !== "succeeded") return work;
    if (index + 1 < run.steps.length) await run.mendFolders(run.execution.folders);
  }
  return { kind: "succeeded" };
}

async function runStep(run: RunSteps, step: Step, index: number): Promise<Work> {
  const { execution, journal, clock } = run;
  const label = `step ${index + 1}/${run.steps.length}: ${step.name}`;
  const { folders, seen } = execution;
  const script = `step-${index + 1}.sh`;
  const [folder] = await Promise.all([
    run.stepFolder(folders.workspace, step),
    run.writeScript(join(folders.scripts, script), step.run),
  ]);
  journal.line(label);
  const startedAtMs = clock.monotonicMs();
  const command = [step.shell ?? SHELL_DEFAULT, "-e", join(seen.scripts, script)];
  const cwd = join(seen.workspace, folder);
  const ended = await firstOf(
    execution.run({ command, cwd, env: run.environmentOf(step) }),
    run.interrupted,
    step.timeoutMs,
  );
  const took = describeMs(clock.monotonicMs() - startedAtMs);
  if (ended === "interrupted") {
    journal.line(`${label}: told to stop after ${took}`);
    return { kind: "interrupted", step: step.name };
  }
  if (ended === "timed_out") {
    const message = `step "${step.name}" ran longer than its timeout of ${describeMs(step.timeoutMs ?? 0)}`;
    journal.line(`${label}: stopped at its timeout of ${describeMs(step.timeoutMs ?? 0)}`);
    return { kind: "failed", failure: failure("user", message, step), alive: true };
  }
  const work = judge(ended, step);
  // The label names the step already.
  if (work.kind === "failed")
    journal.line(`${label}: ${work.failure.message.replace(`step "${step.name}" `, "")}, after ${took}`);
  if (work.kind === "succeeded") journal.line(`${label}: ok after ${took}`);
  return work;
}

/** What a step's end means. */
export function judge(end: StepEnd, step: Step): Work {
  switch (end.kind) {
    case "exited":
      if (end.exitCode === 0) return { kind: "succeeded" };
      return {
        kind: "failed",
        exitCode: end.exitCode,
        failure: failure("user", `step "${step.name}" ended with exit code ${end.exitCode}${hint(end.exitCode)}`, step),
      };
    case "signaled": {
      // Nobody here killed it. The kernel does when memory is short, but so may the job itself.
      const killed = end.signal === "SIGKILL";
      const message = `step "${step.name}" was ended by ${end.signal}${killed ? ", perhaps for lack of memory" : ""}`;
      return { kind: "failed", signal: end.signal, failure: failure(killed ? "unknown" : "user", message, step) };
    }
    case "refused":
      return {
        kind: "failed",
        failure: failure("tooling", `step "${step.name}" could not be started: ${end.message}`, step),
      };
    case "lost":
      return { kind: "interrupted", step: step.name };
  }
}

/** A shell says "ended by signal N" as 128 + N. */
function hint(exitCode: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return name === undefined ? "" : ` (${name})`;
}

function failure(kind: Failure["class"], message: string, step: Step): Failure {
  return { class: kind, message: cut(message, 1_000), step: cut(step.name, 256) };
}

/** The step's end, unless it is interrupted or too slow: then it goes on until the whole attempt is stopped. */
async function firstOf(
  running: Promise<StepEnd>,
  interrupted: AbortSignal,
  timeoutMs: number | undefined,
): Promise<StepEnd | "interrupted" | "timed_out"> {
  const { promise, resolve: settle } = Promise.withResolvers<"interrupted" | "timed_out">();
  const interrupt = () => settle("interrupted");
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => settle("timed_out"), timeoutMs);
  interrupted.addEventListener("abort", interrupt, { once: true });
  if (interrupted.aborted) interrupt();
  try {
    return await Promise.race([running, promise]);
  } finally {
    clearTimeout(timer);
    interrupted.removeEventListener("abort", interrupt);
  }
}
