import { randomBytes } from "node:crypto";
import { unlink } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { MESSAGE_LENGTH_MAX } from "../shared/domain/limits.ts";
import { shorten } from "../shared/lib/cut.ts";
import { fileTrouble } from "../shared/lib/file-trouble.ts";
import { exchangeOverHttp } from "../shared/lib/http-call.ts";
import { heededSignals } from "../shared/lib/ignored-signals.ts";
import { showInvisible } from "../shared/lib/invisible.ts";
import { openFileWarning } from "../shared/lib/open-file.ts";
import { tooFewOpenFiles } from "../shared/lib/open-files.ts";
import { TextFileError } from "../shared/lib/read-text-file.ts";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import { systemCode } from "../shared/lib/system-code.ts";
import { makeClient } from "../shared/protocol/client.ts";
import type { Session } from "../shared/protocol/leases.ts";
import { apiOfferQueue } from "./api-offer-queue.ts";
import { attemptIo } from "./attempt-io.ts";
import { bootClock } from "./boot-clock.ts";
import { type RunnerEnvironment, readRunnerEnvironment } from "./environment.ts";
import { describeEvent, type Emit } from "./events.ts";
import type { Executor } from "./executors/executor.ts";
import { makeProcessExecutor } from "./executors/process.ts";
import { readSessionFile } from "./given-session.ts";
import { type HostFiles, keepHostFiles } from "./host-files.ts";
import { findMetadata } from "./metadata-barrier.ts";
import { makeRunnerMetrics, type RunnerMetrics, serveMetrics } from "./metrics.ts";
import { makeNudge, type Nudge } from "./nudge.ts";
import { openOfferQueue } from "./offer-queue.ts";
import { NotNowError, parseRunnerOptions, RUNNER_USAGE, type RunnerOptions, UsageError } from "./options.ts";
import { readMetricsToken, readRunnerToken } from "./read-runner-token.ts";
import { type Runner, startRunner } from "./runner.ts";
import type { Sandbox } from "./sandbox/open-sandbox.ts";
import { openRunnerSandbox, trustOf } from "./sandbox/runner-sandbox.ts";
import { givenSecrets, openSecretsFile, type SecretsFile } from "./secrets-file.ts";
import { serverFromParent } from "./server-from-parent.ts";
import { RejectedError } from "./session.ts";
import { ToolingError } from "./tooling-error.ts";
import { isProcOurs } from "./watchdog/find-members.ts";
import { closeWorkDir, openWorkDir, removeLeftovers, type WorkDir } from "./work-dir.ts";

/** Exit codes: done, and could not be run. */
const DONE = 0;
/** A service manager starts the runner again after the first, and not after the second (runner/systemd). */
const NOT_NOW = 1;
const UNUSABLE = 2;
/** What ends by itself, or by what others do on this host. */
const PASSING = new Set(["ENOSPC", "EDQUOT", "EADDRINUSE"]);
/** A second signal, and the parent's end, leave the steps less time than a drain does. */
const SECOND_SIGNAL_GRACE_MS = 2_000;
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Runs a runner until it has drained; answers the process's exit code. SIGTERM or SIGINT once drains, twice stops.
 * The caller must exit then: a poll may still be in flight.
 */
export async function runnerMain(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(RUNNER_USAGE);
    return DONE;
  }
  try {
    const options = parseRunnerOptions(args);
    if (!isProcOurs())
      throw new UsageError("/proc shows another PID namespace's processes: mount one here (unshare --mount-proc)");
    const tooFew = tooFewOpenFiles(options.slots);
    if (tooFew !== undefined) throw new UsageError(tooFew);
    return await runUntilDrained(options, readRunnerEnvironment(options.passEnv));
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof RejectedError)) throw error;
    process.stderr.write(`baton runner: ${error.message}\n`);
    return error instanceof NotNowError || PASSING.has(systemCode(error.cause) ?? "") ? NOT_NOW : UNUSABLE;
  }
}

async function runUntilDrained(options: RunnerOptions, environment: RunnerEnvironment): Promise<number> {
  const root = options.workDir ?? environment.workDir;
  const workDir = makeWorkDir(root, options.ephemeral);
  // First, since a parent's control plane may still start: the first watchdog does so meanwhile.
  const sandbox = openWalls(options, environment, root, workDir);
  const executor = openExecutor(options, environment, workDir, sandbox);
  try {
    await sandbox;
    const { metricsTokenFile } = options;
    const metricsToken = metricsTokenFile === undefined ? undefined : await readMetricsToken(metricsTokenFile);
    const server = await findServer(options, environment);
    if (server === undefined) return DONE;
    return await serve({ options, environment, ...server, workDir, executor, metricsToken });
  } finally {
    const left = await closeWorkDir(workDir, options.keepWorkspace);
    if (left !== undefined) process.stderr.write(`baton runner: ${left}\n`);
  }
}

function makeWorkDir(root: string, ephemeral: boolean): WorkDir {
  try {
    return openWorkDir(root, ephemeral);
  } catch (cause) {
    throw new UsageError(`--work-dir: cannot make folders in ${root}: ${fileTrouble(cause)}`, { cause });
  }
}

/** Which control plane, and the token for it. Undefined where the parent that was to say so has ended. */
async function findServer(options: RunnerOptions, environment: RunnerEnvironment): Promise<Found | undefined> {
  const server = options.serverFromParent ? await serverFromParent(process.stdin) : options;
  if (server === undefined) return undefined;
  const url = server.url ?? environment.url;
  if (url === undefined) throw new UsageError("--url is missing (or BATON_URL)");
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new UsageError(`--url: "${url}" is not an http or https URL`);
  const { sessionFile } = options;
  const session = sessionFile === undefined ? undefined : await readSessionFile(sessionFile);
  // What it has is the session's, which each call names.
  const token = session?.sessionToken ?? (await readRunnerToken(server.tokenFile, environment.token));
  if (session !== undefined) await refuseMetadata(environment);
  const secretsFile = await openSecrets(options.secretsFile, "secrets" in server ? server.secrets : undefined);
  for (const file of [server.tokenFile, options.secretsFile, options.metricsTokenFile])
    if (file !== undefined) await warnOpenFile(file);
  if (options.forgetToken && server.tokenFile !== undefined) await unlink(server.tokenFile);
  return { url, token, session, secretsFile };
}

/** Whoever reaches the metadata of such a host can open sessions as it. Throws UsageError. */
async function refuseMetadata({ metadataUrls }: RunnerEnvironment): Promise<void> {
  const found = await findMetadata(metadataUrls);
  if (found === undefined) return;
  const why = "so could steps, and open sessions as this host: docs/RUNNERS.md says how root keeps them from it";
  throw new UsageError(`--session-file: the metadata service ${found} can be reached from here; ${why}`);
}

interface Found {
  readonly url: string;
  readonly token: string;
  readonly session: Session | undefined;
  readonly secretsFile: SecretsFile | undefined;
}

async function serve(
  place: Omit<Start, "emit" | "meter" | "nudge"> & { readonly metricsToken: string | undefined },
): Promise<number> {
  const { options, workDir } = place;
  const metrics = makeRunnerMetrics();
  const print = options.json ? printJson : printLine;
  let files: HostFiles | undefined;
  let kept = false;
  const emit: Emit = (event) => {
    metrics.count(event);
    files?.heard(event);
    print(event);
    if (event.type !== "attempt_ended" || kept) return;
    // Node writes compiled code when a process ends in order, and `baton run` kills its runner: so when all has run once.
    kept = true;
    setImmediate(flushCompileCache);
  };
  if (options.metricsPort !== undefined) await listenForMetrics(metrics, options.metricsPort, place.metricsToken);
  const nudge = makeNudge();
  const runner = start({ ...place, emit, meter: metrics.meter, nudge });
  files = keepHostFiles({
    noticeFile: options.noticeFile,
    busyFile: options.busyFile,
    clock: bootClock,
    emit,
    drain: (reason, withinMs) => runner.drain(reason, Math.min(withinMs, options.drainMs)),
  });
  const unlisten = listen(runner, options, nudge);
  try {
    await Promise.all([runner.finished, tidyUp(workDir, emit)]);
  } finally {
    unlisten();
    await files.close();
  }
  return DONE;
}

async function listenForMetrics(metrics: RunnerMetrics, port: number, token: string | undefined): Promise<void> {
  try {
    await serveMetrics(metrics, port, token);
  } catch (cause) {
    const code = systemCode(cause);
    const why =
      code === "EADDRINUSE" ? "another program has it" : code === "EACCES" ? "this user may not" : String(cause);
    throw new UsageError(`--metrics-port: cannot listen at 127.0.0.1:${port}: ${why}`, { cause });
  }
}

async function tidyUp(workDir: WorkDir, emit: Emit): Promise<void> {
  try {
    const { count, left } = await removeLeftovers(workDir, bootClock);
    if (count > 0) emit({ type: "leftovers_removed", count });
    for (const line of left) emit({ type: "trouble", message: `of an earlier runner ${line}` });
  } catch (error) {
    // Disk space is wasted; no job is hurt.
    emit({ type: "trouble", message: `old workspaces could not be removed: ${String(error)}` });
  }
}

interface Start {
  readonly options: RunnerOptions;
  readonly environment: RunnerEnvironment;
  readonly url: string;
  readonly token: string;
  readonly session: Session | undefined;
  readonly secretsFile: SecretsFile | undefined;
  readonly workDir: WorkDir;
  readonly executor: Executor;
  readonly emit: Emit;
  readonly meter: RequestMeter;
  readonly nudge: Nudge;
}

function start(parts: Start): Runner {
  const { options, environment, url, token, session, secretsFile, workDir, executor, emit, meter, nudge } = parts;
  const client = makeClient({ url, token, exchange: exchangeOverHttp });
  return startRunner({
    client,
    clock: bootClock,
    io: attemptIo,
    openOfferQueue: pollsHere(options, session) ? apiOfferQueue(client) : openOfferQueue,
    emit,
    nudge,
    meter,
    executor,
    host: environment.host,
    cacheDir: workDir.cache,
    allowedRoots: options.allowSources,
    secretsFile,
    claimSeed: randomBytes(16).toString("hex"),
    name: options.name,
    pools: options.pools,
    slots: options.slots,
    poll: options.poll,
    ephemeral: options.ephemeral,
    ...(session === undefined ? {} : { givenSession: session }),
  });
}

/** A session that was given says by itself where its offers are. */
const pollsHere = ({ poll }: RunnerOptions, session: Session | undefined): boolean =>
  session === undefined ? poll === "api" : session.sqs === undefined;

/** The sandbox that was asked for; undefined for none. Throws UsageError where it must be and cannot. */
async function openWalls(
  options: RunnerOptions,
  environment: RunnerEnvironment,
  root: string,
  workDir: WorkDir,
): Promise<Sandbox | undefined> {
  if (options.sandbox === "off") return undefined;
  const { homes, configDir, host } = environment;
  const files = [options.tokenFile, options.sessionFile, options.secretsFile, options.metricsTokenFile].filter(
    (file) => file !== undefined,
  );
  const opened = await openRunnerSandbox({
    path: host.path,
    pools: options.pools,
    homes,
    hide: [root, configDir, ...files, ...options.hide],
    readOnly: options.readOnly,
    expose: options.expose,
    scratch: workDir.own,
  });
  if (!("why" in opened)) return opened;
  if (options.sandbox === "on") throw new UsageError(`--sandbox: this host has none: ${opened.why}`);
  process.stderr.write(`baton runner: no sandbox (${opened.why}): steps can read all that this user can\n`);
  return undefined;
}

function openExecutor(
  options: RunnerOptions,
  environment: RunnerEnvironment,
  workDir: WorkDir,
  sandbox: Promise<Sandbox | undefined>,
): Executor {
  const { outerCookie, path } = environment.host;
  const { extraCaCerts } = environment;
  return makeProcessExecutor({
    folder: workDir.own,
    slots: options.slots,
    keepWorkspace: options.keepWorkspace,
    clock: bootClock,
    ...(options.sandbox === "off"
      ? {}
      : { sandbox: { made: sandbox, trustOf: (pool: string | undefined) => trustOf(options.pools, pool) } }),
    watchdogEnvironment: {
      PATH: path,
      NODE_COMPILE_CACHE: environment.compileCache ?? join(workDir.cache, "compile"),
      ...(extraCaCerts === undefined ? {} : { NODE_EXTRA_CA_CERTS: extraCaCerts }),
      ...(outerCookie === undefined ? {} : { BATON_ATTEMPT: outerCookie }),
    },
  });
}

/** It is read for each attempt: one that cannot be read would fail every job that names a secret. */
async function openSecrets(file: string | undefined, given: string | undefined): Promise<SecretsFile | undefined> {
  try {
    if (given !== undefined) return givenSecrets(given);
    return file === undefined ? undefined : await openSecretsFile(file);
  } catch (cause) {
    if (cause instanceof ToolingError || cause instanceof TextFileError) throw new UsageError(cause.message, { cause });
    throw cause;
  }
}

async function warnOpenFile(file: string): Promise<void> {
  const warning = await openFileWarning(file);
  if (warning !== undefined) process.stderr.write(`baton runner: ${warning}\n`);
}

/**
 * Ties the runner's end to signals and, where asked, to its parent's; whatever such a parent still writes is a nudge.
 * Answers how to undo that.
 */
function listen(runner: Runner, options: RunnerOptions, nudge: Nudge): () => void {
  let received = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    received += 1;
    if (received === 1) runner.drain(signal, options.drainMs);
    else runner.kill(`${signal} again`, SECOND_SIGNAL_GRACE_MS);
  };
  const signals = heededSignals(STOP_SIGNALS);
  for (const signal of signals) process.on(signal, onSignal);
  const onParentGone = () => runner.kill("the parent has ended", 0);
  if (options.exitWithParent) {
    process.stdin.once("end", onParentGone).once("error", onParentGone).on("data", nudge.now).resume();
    // It may have ended while this process still started: that is not said again.
    if (process.stdin.readableEnded || process.stdin.destroyed) onParentGone();
  }
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
    process.stdin.off("end", onParentGone).off("error", onParentGone).off("data", nudge.now).pause();
  };
}

const printJson: Emit = (event) => void process.stdout.write(`${JSON.stringify(event)}\n`);
const printLine: Emit = (event) => void process.stderr.write(`baton runner: ${oneLineOf(event)}\n`);

/** What others have named may hold anything: nothing of it reaches a terminal or a log but text. */
const oneLineOf = (event: Parameters<Emit>[0]): string =>
  showInvisible(shorten(describeEvent(event), MESSAGE_LENGTH_MAX).replace(/\p{Cc}+/gu, " "));
