import type { Actor } from "../engine/actor.ts";
import { hashText, oneOf } from "../engine/dice.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { SimHost } from "./sim-host.ts";
import type { StepScript } from "./step-script.ts";

/** What really runs of an attempt: the truth that no report can change. */
export interface AttemptProcesses {
  readonly runId: string;
  readonly jobId: string;
  readonly fence: number;
  readonly host: SimHost;
  readonly running: Set<Actor>;
  /** How the steps that ended by themselves ended, in order. */
  readonly exits: number[];
  /** Told before each of its steps starts. */
  readonly onStep: (attempt: AttemptProcesses) => void;
  /** Its host slept while it ran: then only the end of the sleep can end it. */
  slept: boolean;
}

export interface StartedStep {
  readonly script: StepScript;
  readonly name: string;
  /** Where output goes, as long as somebody reads. */
  readonly output: (bytes: Buffer) => void;
  readonly exited: (exitCode: number) => void;
}

const EXIT_CODES = [1, 2, 127] as const;
const OUTPUTS_MAX = 3;
const BACKGROUND = "background of";

/** Starts a step's process, which prints, and ends as its script says for this very attempt. */
export function startProcess(sim: Simulation, attempt: AttemptProcesses, step: StartedStep): void {
  const { jobId, fence, host } = attempt;
  const dice = sim.dice(`step ${attempt.runId} ${jobId} ${fence} ${step.name}`);
  const actor = host.spawn(`step ${step.name} of ${jobId} at fence ${fence}`);
  const { script } = step;
  attempt.onStep(attempt);
  attempt.running.add(actor);
  actor.onDeath.push(() => attempt.running.delete(actor));
  const takesMs = script.ms * (0.5 + dice());
  const exitCode = dice() < script.failShare ? oneOf(dice, EXIT_CODES) : 0;
  for (let output = 1; output <= OUTPUTS_MAX; output += 1) {
    const bytes = textOf(`${jobId} ${fence} ${step.name} ${output} `, Math.floor(script.bytes / OUTPUTS_MAX));
    if (bytes.length > 0) sim.at(actor, (takesMs * output) / (OUTPUTS_MAX + 1), actor.name, () => step.output(bytes));
  }
  sim.at(actor, takesMs, actor.name, () => {
    attempt.exits.push(exitCode);
    if (script.background) {
      const left = host.spawn(`${BACKGROUND} ${actor.name}`);
      attempt.running.add(left);
      left.onDeath.push(() => attempt.running.delete(left));
    }
    sim.kill(actor, `it exits with ${exitCode}`);
    step.exited(exitCode);
  });
}

function textOf(word: string, bytes: number): Buffer {
  return Buffer.from(
    word.repeat(Math.ceil(bytes / word.length)).slice(0, Math.max(0, bytes - 1)) + (bytes > 0 ? "\n" : ""),
  );
}

/** Whether a process ends only by SIGKILL: a trait of the process, which does not change when it is asked again. */
export const isStubborn = (actor: Actor, script: StepScript | undefined): boolean =>
  script?.stubborn === true || (actor.name.startsWith(BACKGROUND) && hashText(actor.name) % 2 === 0);
