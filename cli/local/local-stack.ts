import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SpawnedStack } from "../../localstack/spawn-stack.ts";
import type { Clock } from "../../shared/lib/clock.ts";
import { type KeptRunner, keepRunner } from "./keep-runner.ts";
import { type RunnerOptions, spawnRunner } from "./spawn-runner.ts";
import type { TempFolder } from "./temp-folder.ts";

/** What `baton run` started, and must not leave behind. */
export interface LocalStack {
  stack?: SpawnedStack;
  runner?: KeptRunner;
}

/** An idle runner ends in a moment; one whose attempts must be killed takes longer. */
const RUNNER_STOP_MS = 5_000;
const RUNNER_KILL_MS = 1_500;
const LOG_TAIL_LINES = 5;
const LOG_TAIL_BYTES_MAX = 1_024 * 1_024;

/** Starts the runner process of a stack that may still be starting, kept alive, its output in `runner.log` of the folder. */
export function startRunner(options: {
  readonly stack: Promise<SpawnedStack>;
  readonly folder: string;
  readonly clock: Clock;
  readonly restartsMax: number;
  readonly onRestart: (how: string) => void;
  readonly runner: Omit<RunnerOptions, "logFile" | "workDir">;
}): KeptRunner {
  const { stack, folder } = options;
  const runnerOptions: RunnerOptions = {
    ...options.runner,
    workDir: join(folder, "work"),
    logFile: join(folder, RUNNER_LOG),
  };
  const { clock, restartsMax, onRestart } = options;
  const server = stack.then(({ url, runnerTokenFile }) => ({ url, tokenFile: runnerTokenFile }));
  return keepRunner({ spawn: () => spawnRunner(runnerOptions, server), clock, restartsMax, onRestart });
}

export const RUNNER_LOG = "runner.log";

/**
 * Ends runner and stack. All state is thrown away. Where an attempt may still live, the runner goes first, so that it
 * ends before the bucket does; else nothing is left to do in order.
 */
export async function tearDown(local: LocalStack, mayHold: boolean): Promise<void> {
  if (mayHold) await local.runner?.stop(RUNNER_STOP_MS);
  local.stack?.kill();
  await Promise.all([local.runner?.stop(0), local.stack?.exited]);
}

/**
 * Ends everything now. The runner has a moment to kill its steps and give their leases back while there is somebody to
 * give them to: killed itself, its watchdogs would look for the control plane for seconds.
 */
export async function killAll(local: LocalStack): Promise<void> {
  await local.runner?.stop(RUNNER_KILL_MS);
  local.stack?.kill();
  await local.stack?.exited;
}

/** However this process ends (but for SIGKILL), nothing of it stays. Returns how to forget about it. */
export function cleanUpAtExit(local: LocalStack, temp: TempFolder): () => void {
  const listener = () => {
    local.runner?.kill();
    local.stack?.kill();
    temp.removeNow();
  };
  process.once("exit", listener);
  return () => void process.off("exit", listener);
}

/** Metrics among the lines of a log (CloudWatch's embedded format) tell a person nothing. */
const METRICS = '"_aws":';

/** The last lines of a log file, for a failure's notes. */
export async function tailOf(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  });
  return text
    .slice(-LOG_TAIL_BYTES_MAX)
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "" && !line.includes(METRICS))
    .slice(-LOG_TAIL_LINES);
}

/** Settles when the stack ends by itself: nothing goes on without it. */
export async function stackEnd(stack: SpawnedStack): Promise<string> {
  const { code, signal, why } = await stack.exited;
  if (why !== undefined) return why;
  return `the control plane ${signal === null ? `ended with code ${code ?? "?"}` : `was killed by ${signal}`}`;
}
