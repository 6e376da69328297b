import { dirname, join, resolve } from "node:path";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { makeNudge } from "../../runner/nudge.ts";
import { exchangeOverHttp } from "../../shared/lib/http-call.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import type { PipelineDefinition } from "../../shared/pipeline/definition.ts";
import { planPipeline } from "../../shared/pipeline/plan-pipeline.ts";
import { type Client, makeClient } from "../../shared/protocol/client.ts";
import type { RunJobs } from "../../shared/protocol/list-all-jobs.ts";
import { DEFAULT_POOLS } from "../../shared/resources.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { EXIT, SIGNAL_EXIT, type StopSignal } from "../exit-codes.ts";
import { followRun } from "../follow/follow-run.ts";
import type { GivenSecrets } from "../local/check-secrets-file.ts";
import type { KeptRunner } from "../local/keep-runner.ts";
import {
  cleanUpAtExit,
  killAll,
  type LocalStack,
  RUNNER_LOG,
  stackEnd,
  startRunner,
  tailOf,
  tearDown,
} from "../local/local-stack.ts";
import { pathInRun, readDefinition } from "../local/read-definition.ts";
import { stackOptions } from "../local/stack-options.ts";
import { onStopSignals } from "../local/stop-signals.ts";
import type { TempFolder } from "../local/temp-folder.ts";
import { makeFollowPrinter } from "../print/follow-printer.ts";
import { makePaint } from "../print/paint.ts";
import { printRunTable } from "../print/run-table.ts";
import { sanitizeLine } from "../print/sanitize.ts";
import type { OwnPlaces } from "../snapshot/own-places.ts";
import { type Snapshot, snapshotTree } from "../snapshot/snapshot-tree.ts";
import { verdictExit } from "../verdict-exit.ts";

export interface RunOptions {
  readonly slots?: number;
  readonly secretsFile?: string;
  readonly artifacts?: string;
  readonly keep?: boolean;
  readonly json?: boolean;
}

/** After the first Ctrl-C: the steps' grace time, and then some for their last words. */
const CANCEL_WAIT_MS = 60_000;

/** So often the runner is told to ask for the cancellation: an attempt that is just beginning may miss it once. */
const NUDGE_MS = 250;
/** Somebody waits at the terminal: a runner that cannot live is told soon. */
const RESTARTS_MAX = 3;

/** One `baton run`: what it reads, what it has started, how it is being ended. */
interface RunCommand {
  readonly context: Context;
  readonly options: RunOptions;
  readonly file: string;
  readonly text: string;
  readonly definition: PipelineDefinition;
  readonly temp: TempFolder;
  readonly early: Promise<SpawnedStack> | undefined;
  readonly secrets: GivenSecrets | undefined;
  readonly local: LocalStack;
  /** Aborted where following makes no sense any more: the second signal, a dead stack. */
  readonly halt: AbortController;
  /** Aborted by a signal that comes after the verdict: cleaning up is all that it can end. */
  readonly hurry: AbortController;
  /** The exit code, once the run has ended: nothing that comes later changes it. */
  verdict?: number;
  client?: Client;
  runId?: string;
  stoppedBy?: StopSignal;
}

/** What is there before this module is loaded. */
export interface EarlyStart {
  readonly path: string;
  readonly text: string;
  readonly temp: TempFolder;
  /** Starting already, where the text alone says what it needs. */
  readonly stack: Promise<SpawnedStack> | undefined;
  /** What its steps are given, checked. */
  readonly secrets: GivenSecrets | undefined;
  /** Ends a stack that still starts. */
  readonly callOff: () => void;
}

/** The run itself, from the pipeline's text on, and all that must be gone after it. */
export async function runTree(context: Context, early: EarlyStart, options: RunOptions): Promise<void> {
  const { path, text, temp } = early;
  const definition = await readOrCallOff(early);
  const local: LocalStack = {};
  const forget = cleanUpAtExit(local, temp);
  const command: RunCommand = {
    context,
    options,
    file: path,
    text,
    definition,
    temp,
    early: early.stack,
    secrets: early.secrets,
    local,
    halt: new AbortController(),
    hurry: new AbortController(),
  };
  // To the process's very end: a signal that comes while it ends must not take the place of its exit code.
  onStopSignals(
    context.clock,
    (signal) => (command.verdict === undefined ? stopFirst(command, signal) : hurryUp(command)),
    (signal) => {
      if (command.verdict !== undefined) return hurryUp(command);
      // A line of its own, below the terminal's ^C.
      if (command.client !== undefined) void command.context.err.write("\nbaton: killed\n");
      halt(command, signal);
    },
  );
  const onReaderGone = () => {
    if (command.verdict === undefined) halt(command, "SIGPIPE");
  };
  context.readerGone.addEventListener("abort", onReaderGone);
  try {
    const seen = await runAndReport(command);
    await afterwards(command, () => tearDown(local, mayHold(seen)));
  } catch (error) {
    command.verdict ??= EXIT.couldNotRun;
    await afterwards(command, () => killAll(local));
    if (command.stoppedBy === undefined) throw command.halt.signal.aborted ? command.halt.signal.reason : error;
    process.exitCode = SIGNAL_EXIT[command.stoppedBy];
  } finally {
    forget();
    await afterwards(command, () => (options.keep === true ? keep(command) : remove(command)));
  }
}

async function keep({ context, temp }: RunCommand): Promise<void> {
  await temp.keep();
  await context.err.write(`kept: ${temp.path}\n`);
}

async function remove({ context, temp, hurry }: RunCommand): Promise<void> {
  const left = await temp.remove(hurry.signal);
  if (left !== undefined) await context.err.write(`baton: ${sanitizeLine(left, false)}\n`);
}

/** Cleaning up: where it fails, that is told, and the exit code stays what it is. */
async function afterwards({ context }: RunCommand, cleaning: () => Promise<void>): Promise<void> {
  try {
    await cleaning();
  } catch (error) {
    await context.err.write(`baton: cleaning up failed: ${sanitizeLine(messageOf(error), false)}\n`);
  }
}

/** A pipeline with problems is not worth a stack. */
async function readOrCallOff({ path, text, temp, stack, callOff }: EarlyStart): Promise<PipelineDefinition> {
  try {
    return readDefinition(text, path);
  } catch (error) {
    callOff();
    await Promise.allSettled([stack]);
    await temp.remove(); // little is in it, and the pipeline's problems are what counts
    throw error;
  }
}

/** An attempt that was given up may live on in the runner; one that was heard of to its end does not. */
function mayHold({ jobs }: RunJobs): boolean {
  return jobs.some(({ attempts }) => attempts.some(({ end }) => end === undefined || end.outcome === "lost"));
}

async function runAndReport(command: RunCommand): Promise<RunJobs> {
  const { context } = command;
  const { snapshot, stack } = await startAll(command);
  command.halt.signal.throwIfAborted();
  const client = makeClient({ url: stack.url, token: stack.token, exchange: exchangeOverHttp });
  command.client = client;
  const path = pathInRun(snapshot.root, context.environment.cwd, command.file);
  const { run } = await client.call(
    "createRun",
    { body: { definition: { path, text: command.text }, source: snapshot.source, watch: true } },
    { signal: command.halt.signal },
  );
  command.runId = run.id;
  if (command.stoppedBy !== undefined) cancel(command);
  const seen = await follow(command, client, run.id);
  command.verdict = command.stoppedBy === undefined ? verdictExit(seen.run.state) : SIGNAL_EXIT[command.stoppedBy];
  process.exitCode = command.verdict;
  await report(command, client, seen);
  return seen;
}

/** Stack and runner start side by side, while the working tree is copied. */
async function startAll(command: RunCommand): Promise<{ snapshot: Snapshot; stack: SpawnedStack }> {
  const { context, temp, local } = command;
  const { cwd, childEnv } = context.environment;
  const spawned = command.early ?? spawnStack({ ...stackOptions(temp), pools: poolsOf(command.definition) });
  const starting = spawned.then((stack) => {
    local.stack = stack;
    haltOn(command, stackEnd(stack), join("state", "stack.log"));
    return stack;
  });
  const copying = snapshotTree({ cwd, into: temp.path, env: childEnv, own: ownPlaces(command) }).then((snapshot) => {
    local.runner = startRunFolderRunner(command, snapshot, starting);
    haltOn(command, local.runner.givenUp, RUNNER_LOG);
    return snapshot;
  });
  // Both must have ended before either's failure ends the command: a stack that starts late would stay behind.
  const [snapshot, stack] = await Promise.allSettled([copying, starting]);
  if (snapshot.status === "rejected") throw snapshot.reason;
  if (stack.status === "rejected") throw stack.reason;
  const { exposed } = stack.value;
  if (exposed !== undefined) await context.err.write(`baton: not safe on a shared machine: ${exposed}\n`);
  for (const warning of snapshot.value.warnings) await context.err.write(`baton: ${sanitizeLine(warning, false)}\n`);
  return { snapshot: snapshot.value, stack: stack.value };
}

/** What is ours, or was given to us in confidence, and may lie in the very tree that is copied. */
function ownPlaces({ context, options, temp }: RunCommand): OwnPlaces {
  const { cwd, configFile, cacheFolder } = context.environment;
  return {
    folders: [temp.path, dirname(configFile), cacheFolder],
    files: options.secretsFile === undefined ? [] : [resolve(cwd, options.secretsFile)],
  };
}

function startRunFolderRunner(command: RunCommand, snapshot: Snapshot, stack: Promise<SpawnedStack>): KeptRunner {
  const { context, options, temp } = command;
  const { childEnv } = context.environment;
  return startRunner({
    stack,
    folder: temp.path,
    clock: context.clock,
    restartsMax: RESTARTS_MAX,
    onRestart: (how) => void context.err.write(`baton: the runner ${how}; it is started again\n`),
    runner: {
      allowSources: [snapshot.source.url, ...snapshot.borrows],
      pools: poolsOf(command.definition),
      env: childEnv,
      name: "baton-run",
      keepWorkspace: options.keep === true,
      ...(options.slots === undefined ? {} : { slots: options.slots }),
      ...(command.secrets === undefined ? {} : { secrets: command.secrets }),
    },
  });
}

/**
 * Stack and runner have every pool that the pipeline names. They start before the commit is known, so a name that
 * depends on it stands for nothing here: the control plane then refuses the run, and says which pools there are.
 */
function poolsOf(definition: PipelineDefinition): string[] {
  const { plan } = planPipeline(definition, { runId: "run", sha: "0".repeat(40), branch: "HEAD" });
  return [...new Set([...DEFAULT_POOLS, ...(plan?.jobs.map((job) => job.pool) ?? [])])];
}

async function follow(command: RunCommand, client: Client, runId: string): Promise<RunJobs> {
  const { context, options } = command;
  const toErr = options.json === true;
  const output = toErr ? context.err : context.out;
  const colour = toErr ? context.environment.colour.stderr : context.environment.colour.stdout;
  await output.write(`${makePaint(colour).dim(`▶ ${runId} ${command.file}`)}\n`);
  const sink = makeFollowPrinter({ output, colour });
  const news = makeNudge();
  command.local.stack?.onMoved(news.now);
  return followRun({ client, runId, sink, signal: command.halt.signal, news });
}

async function report({ context, options }: RunCommand, client: Client, seen: RunJobs): Promise<void> {
  const { cwd, colour } = context.environment;
  if (options.artifacts !== undefined) {
    const { downloadArtifacts } = await import("../products/download-artifacts.ts");
    const into = resolve(cwd, options.artifacts);
    const { folders, failures } = await downloadArtifacts(client, seen.run.id, into);
    for (const folder of folders) await context.err.write(`${folder}\n`);
    for (const failure of failures) await context.err.write(`warning: ${failure}\n`);
  }
  const nowMs = context.clock.nowMs();
  if (options.json === true) await context.out.write(`${JSON.stringify(seen, null, 2)}\n`);
  const table = printRunTable(seen, options.json === true ? colour.stderr : colour.stdout, nowMs);
  await (options.json === true ? context.err : context.out).write(`\n${table}`);
}

/** The first signal cancels the run and waits for its end; a hangup has nobody to wait for. */
function stopFirst(command: RunCommand, signal: StopSignal): void {
  if (signal === "SIGHUP" || command.client === undefined) {
    halt(command, signal);
    return;
  }
  command.stoppedBy = signal;
  void command.context.err.write("\nbaton: canceling the run; once more kills it\n");
  setTimeout(() => halt(command, signal), CANCEL_WAIT_MS).unref();
  cancel(command);
}

/** Nobody waits for the end any more, and it is known: what cannot be ended in order is killed, and files may stay. */
function hurryUp({ local, hurry }: RunCommand): void {
  local.runner?.kill();
  local.stack?.kill();
  hurry.abort();
}

/** Before there is a run nothing is worth an orderly end: what has started ends with this process. */
function halt(command: RunCommand, signal: StopSignal): void {
  command.stoppedBy ??= signal;
  if (command.client === undefined) process.exit(SIGNAL_EXIT[command.stoppedBy]);
  command.halt.abort(new CommandError(`ended by ${signal}`));
}

/** Asks for the run's cancellation; where there is no run yet, it is asked for once there is one. */
function cancel(command: RunCommand): void {
  const { client, runId, stoppedBy } = command;
  if (client === undefined || runId === undefined) return;
  const reason = `${stoppedBy} to baton run`;
  client
    .call("cancelRun", { params: { run: runId }, body: { reason } })
    .then(() => setInterval(() => command.local.runner?.nudge(), NUDGE_MS).unref())
    .catch((error: unknown) => command.halt.abort(error));
}

function haltOn(command: RunCommand, end: Promise<string>, log: string): void {
  void end.then(async (why) => {
    if (command.halt.signal.aborted) return;
    const file = join(command.temp.path, log);
    command.halt.abort(new CommandError(`${why}; --keep keeps its log ${log}`, { notes: await tailOf(file) }));
  });
}
