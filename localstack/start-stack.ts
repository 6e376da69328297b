import { flushCompileCache } from "node:module";
import { systemClock } from "../shared/lib/clock.ts";
import { isDiskFull } from "../shared/lib/disk-full.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { findDynamoEngine, startDynamoEngine } from "./dynamo-engine.ts";
import { publicNames } from "./environment.ts";
import type { RunningStack, StackParts } from "./run-stack.ts";
import { errorFields, logLine } from "./stack-log.ts";
import { parseStackOptions } from "./stack-options.ts";
import type { StackFailed, StackMoved, StackReady } from "./stack-report.ts";
import { StartFailure } from "./start-failure.ts";
import { prepareFolder, stateFolder } from "./state-folder.ts";
import { lockState } from "./state-lock.ts";

/** The life of the stack process: start, report to the parent, serve, stop. */

/** A stop that takes longer than this is cut off: everything durable is on disk already. */
const STOP_MS = 4_000;
const FAILED_EXIT = 2;

/** Runs until a signal, or until the parent is gone. `loadParts` is called once the handlers' environment is set. */
export async function startStack(argv: readonly string[], loadParts: () => Promise<StackParts>): Promise<void> {
  let stack: RunningStack | undefined;
  const leave = (why: string): void => void shutDown(stack, why);
  onParentGone(() => leave("the parent is gone"));
  process.once("SIGTERM", () => leave("SIGTERM"));
  process.once("SIGINT", () => leave("SIGINT"));
  try {
    stack = await bringUp(argv, loadParts);
  } catch (error) {
    logLine("ERROR", "the stack did not start", errorFields(error));
    await report(failureOf(error));
    process.exit(FAILED_EXIT);
  }
  void stack.engineLost.then(() => engineLost(stack));
  logLine("INFO", "the stack serves", { ...stack.ready, sinceStartMs: Math.round(systemClock.monotonicMs()) });
  await report(stack.ready);
}

async function bringUp(argv: readonly string[], loadParts: () => Promise<StackParts>): Promise<RunningStack> {
  const options = parseStackOptions(argv);
  const folder = stateFolder(options.stateDir, !options.memory);
  const binary = findDynamoEngine(process.platform, process.arch);
  prepareFolder(folder.dir);
  const lock = await lockState(folder, systemClock);
  const engine = startDynamoEngine(binary, options.memory ? undefined : folder.tableFile);
  // Its failure is thrown where it is awaited, which may be after it happened.
  engine.catch(() => undefined);
  // Serves one run and is gone: schemas would be compiled for longer than it parses with them.
  if (options.memory) (await import("zod")).z.config({ jitless: true });
  // Heavy: the protocol's schemas, then the AWS SDK and the servers. The engine starts meanwhile.
  const { openGateway } = await import("./gateway/gateway.ts");
  const { host, port } = options;
  const onAnswer = onAttemptEnds();
  const gateway = await openGateway({ host, port, names: publicNames(), clock: systemClock, log: logLine, onAnswer });
  const { runStack } = await import("./run-stack.ts");
  return runStack({ options, folder, lock, gateway, engine, loadParts, clock: systemClock, log: logLine });
}

/** Tells the parent, for it may follow the run. And keeps compiled code. */
function onAttemptEnds(): (routeKey: string) => void {
  let first = true;
  return (routeKey) => {
    if (!routeKey.endsWith("/complete")) return;
    if (process.connected) void report({ kind: "moved" });
    // Node writes it when a process ends in order, which a stack that is killed with its parent never does, and it writes
    // a module once: so the best moment is when a first job has gone all its way.
    if (first) setImmediate(flushCompileCache);
    first = false;
  };
}

let leaving = false;

/** Nothing works without it: the parent is told why, and the process fails. */
async function engineLost(stack: RunningStack | undefined): Promise<void> {
  if (leaving) return;
  const message = "the table's engine (DynamoDB) has ended, and the control plane with it";
  if (process.send !== undefined) await report({ kind: "failed", code: "engine_failed", message });
  await shutDown(stack, message, FAILED_EXIT);
}

async function shutDown(stack: RunningStack | undefined, why: string, exitCode = 0): Promise<void> {
  if (leaving) return;
  leaving = true;
  logLine("INFO", "the stack stops", { why });
  setTimeout(() => process.exit(1), STOP_MS).unref();
  try {
    await stack?.stop();
  } catch (error) {
    logLine("ERROR", "the stack did not stop in order", errorFields(error));
    process.exit(1);
  }
  process.exit(exitCode);
}

/** The channel to the parent closes when the parent ends, kill -9 included. */
function onParentGone(leave: () => void): void {
  if (process.send === undefined) return;
  process.once("disconnect", leave);
  if (!process.connected) leave();
}

/** To the parent that spawned us; to stdout where a person did. */
async function report(message: StackReady | StackFailed | StackMoved): Promise<void> {
  if (process.send === undefined) {
    process.stdout.write(`${JSON.stringify(message)}\n`);
    return;
  }
  // A parent that is gone cannot be told; `disconnect` then ends us.
  await new Promise<void>((sent) => process.send?.(message, () => sent()));
}

function failureOf(error: unknown): StackFailed {
  const message = messageOf(error);
  if (error instanceof StartFailure) return { kind: "failed", code: error.code, message };
  if (isDiskFull(error))
    return { kind: "failed", code: "start_failed", message: "the disk of the state folder is full: make room there" };
  return { kind: "failed", code: "start_failed", message: `the embedded stack did not start: ${message}` };
}
