import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { systemCode } from "../shared/lib/system-code.ts";
import { stackProcessEnvironment } from "./environment.ts";
import { readReport, type StackReady } from "./stack-report.ts";
import { StartFailure, type StartFailureCode } from "./start-failure.ts";
import { prepareFolder, readTextFile } from "./state-folder.ts";

/** Starts the embedded stack as a process of its own. Imports nothing heavy: the command line's start-up counts. */

export interface SpawnOptions {
  /** The state folder; made where it does not exist. */
  readonly stateDir: string;
  /** True: nothing is kept but tokens and log. */
  readonly memory?: boolean;
  /** The HTTP port; 0, the default, picks a free one. */
  readonly port?: number;
  /** The HTTP address; 127.0.0.1 by default. */
  readonly host?: string;
  /** The pools that get an offer queue; `default` alone where absent. */
  readonly pools?: readonly string[];
  /** Folders that the control plane may read definitions from; none where absent. */
  readonly sources?: readonly string[];
  /** Ends a stack that is not ready yet. */
  readonly signal?: AbortSignal;
  /** The program to run instead of the real stack: a test's own. */
  readonly main?: string;
}

interface StackExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** In words, where it could still say so. */
  readonly why?: string;
}

export interface SpawnedStack extends Omit<StackReady, "kind"> {
  /** API token with every scope. */
  readonly token: string;
  readonly logFile: string;
  /** The listener is told when an attempt has ended. */
  onMoved(listener: () => void): void;
  /** Settles when the process has ended, for whatever reason. */
  readonly exited: Promise<StackExit>;
  /** Ends it in order; state is kept. Kills it where that takes too long. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would. Its children follow. */
  kill(): void;
}

/** The stack cannot start; the message is one line for a person. */
export class StackError extends Error {
  override readonly name = "StackError";
  readonly code: StartFailureCode;

  constructor(code: StartFailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const READY_MS = 30_000;
const STOP_MS = 5_000;
const NODE_MAJOR_MIN = 24;
/** A log larger than this makes place for a new one at the next start. */
const LOG_BYTES_MAX = 10 * 1_024 * 1_024;
const LOG_TAIL_CHARS = 400;

/**
 * Starts the stack and waits until it serves. It ends when this process does, however that ends. Fails with a
 * `StackError`.
 */
export async function spawnStack(options: SpawnOptions): Promise<SpawnedStack> {
  checkNode(process.versions.node);
  const stateDir = resolve(options.stateDir);
  const logFile = join(stateDir, "stack.log");
  const child = start(options, stateDir, logFile);
  // Its exit then fails the start; later, `kill` is for that.
  const callOff = () => child.kill("SIGKILL");
  options.signal?.addEventListener("abort", callOff, { once: true });
  const exited = new Promise<StackExit>((settle) => {
    let why: string | undefined;
    child.on("message", (message) => {
      const said = readReport(message);
      if (said?.kind === "failed") why = said.message;
    });
    child.once("exit", (code, signal) => settle({ code, signal, ...(why === undefined ? {} : { why }) }));
  });
  const ready = await waitUntilReady(child, logFile);
  options.signal?.removeEventListener("abort", callOff);
  return {
    ...ready,
    token: readFileSync(ready.tokenFile, "utf8").trim(),
    logFile,
    onMoved: (listener) =>
      void child.on("message", (message) => {
        if (readReport(message)?.kind === "moved") listener();
      }),
    exited,
    stop: () => stop(child, exited),
    kill: () => {
      child.kill("SIGKILL");
    },
  };
}

/** Fails `node_too_old` below Node 24. */
export function checkNode(version: string): void {
  if (Number.parseInt(version, 10) >= NODE_MAJOR_MIN) return;
  throw new StackError("node_too_old", `Baton needs Node ${NODE_MAJOR_MIN} or newer, and this is ${version}`);
}

function start(options: SpawnOptions, stateDir: string, logFile: string): ChildProcess {
  const main = options.main ?? fileURLToPath(new URL("main.ts", import.meta.url));
  const args = ["--state", stateDir, "--port", String(options.port ?? 0), "--host", options.host ?? "127.0.0.1"];
  const pools = (options.pools ?? []).flatMap((pool) => ["--pool", pool]);
  const log = openLog(stateDir, logFile);
  try {
    return spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        main,
        ...args,
        ...pools,
        ...(options.sources ?? []).flatMap((path) => ["--source", path]),
        ...(options.memory === true ? ["--memory"] : []),
      ],
      {
        stdio: ["ignore", log, log, "ipc"],
        env: stackProcessEnvironment(),
        // A session of its own: a terminal's Ctrl-C is for the parent, which then stops us in order.
        detached: true,
      },
    );
  } finally {
    closeSync(log);
  }
}

/** Opens the log for its owner alone; one that has grown large becomes `stack.log.1`. Fails `state_unwritable`. */
function openLog(stateDir: string, logFile: string): number {
  try {
    prepareFolder(stateDir);
    if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX) renameSync(logFile, `${logFile}.1`);
    return openSync(logFile, "a", 0o600);
  } catch (cause) {
    if (cause instanceof StartFailure) throw new StackError(cause.code, cause.message, { cause });
    const message = `the state folder ${stateDir} cannot be written (${systemCode(cause) ?? "unknown error"})`;
    throw new StackError("state_unwritable", message, { cause });
  }
}

function waitUntilReady(child: ChildProcess, logFile: string): Promise<StackReady> {
  return new Promise((settle, reject) => {
    let settled = false;
    const fail = (code: StartFailureCode, message: string): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new StackError(code, message));
    };
    const timer = setTimeout(
      () => fail("start_failed", `the embedded stack was not ready within ${READY_MS / 1_000} s; see ${logFile}`),
      READY_MS,
    );
    child.on("error", (error) => fail("start_failed", `the embedded stack did not start: ${error.message}`));
    child.once("exit", (code, signal) => {
      // Later ends are told by `exited`, and are nobody's failed start.
      if (settled) return;
      fail("start_failed", `the embedded stack ended with ${code ?? signal}: ${lastLine(logFile)} (see ${logFile})`);
    });
    child.on("message", (message) => {
      const report = readReport(message);
      if (report?.kind === "failed") fail(report.code, report.message);
      if (report?.kind !== "ready") return;
      settled = true;
      clearTimeout(timer);
      settle(report);
    });
  });
}

/** Empty where the log is gone: whoever called the start off may have removed its folder already. */
function lastLine(logFile: string): string {
  const lines = (readTextFile(logFile) ?? "").split("\n");
  return (lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? "").slice(0, LOG_TAIL_CHARS);
}

async function stop(child: ChildProcess, exited: Promise<StackExit>): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(timer);
}
