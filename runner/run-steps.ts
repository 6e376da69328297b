import { constants } from "node:os";
import { join } from "node:path";
import type { Step } from "../shared/domain/plan.ts";
import type { Clock } from "../shared/lib/clock.ts";
import { cut } from "../shared/lib/cut.ts";
import type { Failure } from "../shared/protocol/products.ts";
import type { Execution, Folders, StepEnd } from "./executors/executor.ts";
import { describeMs, type Journal } from "./journal.ts";
import { type MemoryKills, memoryKilledBetween } from "./memory-kills.ts";

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
  /** What the job needs could not be had, or what it made not be kept: given back, and everybody is told why. */
  | {
      readonly kind: "lost";
      readonly reason: "inputs_lost" | "artifacts_lost";
      readonly failure: Failure & { readonly class: "infra" | "tooling" };
      readonly cause: unknown;
    }
  /** The runner's side broke: nobody's failure, the lease is given back. */
  | { readonly kind: "broken"; readonly cause: unknown };

export interface RunSteps {
  readonly steps: readonly Step[];
  readonly execution: Execution;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly memoryKills: () => MemoryKills;
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
  const killsBefore = run.memoryKills();
  const command = [step.shell ?? SHELL_DEFAULT, "-e", join(seen.scripts, script)];
  const cwd = join(seen.workspace, folder);
  const ended = await firstOf(
    execution.run({ command, cwd, env: run.environmentOf(step) }),
    run.interrupted,
    step.timeoutMs,
  );
  const took = describeMs(clock.monotonicMs() - startedAtMs);
  if (ended === "interrupted") {
    journal.line(`${label}: stopped after ${took}`);
    return { kind: "interrupted", step: step.name };
  }
  if (ended === "timed_out") {
    const message = `step "${step.name}" ran longer than its timeout of ${describeMs(step.timeoutMs ?? 0)}`;
    journal.line(`${label}: stopped at its timeout of ${describeMs(step.timeoutMs ?? 0)}`);
    return { kind: "failed", failure: failure("user", message, step), alive: true };
  }
  const work = judge(ended, step, memoryKilledBetween(killsBefore, run.memoryKills()));
  // The label names the step already.
  if (work.kind === "failed")
    journal.line(`${label}: ${work.failure.message.replace(`step "${step.name}" `, "")}, after ${took}`);
  if (work.kind === "succeeded") journal.line(`${label}: ok after ${took}`);
  return work;
}

/** What a step's end means. `memory`: that the kernel killed something for lack of it while the step ran. */
export function judge(end: StepEnd, step: Step, memory: ReturnType<typeof memoryKilledBetween>): Work {
  switch (end.kind) {
    case "exited": {
      const { exitCode } = end;
      if (exitCode === 0) return { kind: "succeeded" };
      const message = `step "${step.name}" ended with exit code ${exitCode}${hint(exitCode)}`;
      const killed = exitCode === SIGNALED_BASE + constants.signals.SIGKILL;
      return { kind: "failed", exitCode, failure: withMemory("user", message, killed, step, memory) };
    }
    case "signaled": {
      // Nobody here killed it. The kernel does when memory is short, but so may the job itself.
      const killed = end.signal === "SIGKILL";
      const message = `step "${step.name}" was ended by ${end.signal}`;
      const kind = killed ? "unknown" : "user";
      return { kind: "failed", signal: end.signal, failure: withMemory(kind, message, killed, step, memory) };
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

const MORE_MEMORY = "give the job more, or less to do at once";

/**
 * Blames memory where the kernel says that it killed for lack of it, and the step or its child was killed. Without its
 * word memory is a possibility; with it, but another end, one cause among others.
 */
function withMemory(
  kind: Failure["class"],
  message: string,
  killed: boolean,
  step: Step,
  memory: ReturnType<typeof memoryKilledBetween>,
): Failure {
  if (killed && memory !== undefined)
    return failure("memory", `${message}: the kernel killed it for lack of memory; ${MORE_MEMORY}`, step);
  if (killed) return failure(kind, `${message}, perhaps for lack of memory`, step);
  if (memory === "here")
    return failure(kind, `${message}; meanwhile the kernel killed a process of this runner for lack of memory`, step);
  return failure(kind, message, step);
}

/** A shell says "ended by signal N" as 128 + N. */
const SIGNALED_BASE = 128;

function hint(exitCode: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === exitCode - SIGNALED_BASE)?.[0];
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
