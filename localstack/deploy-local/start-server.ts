import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { delimiter, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { systemClock } from "../../shared/lib/clock.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { freePort } from "../free-port.ts";
import { letLive, spawnGuardedGroup } from "./guarded-group.ts";
import { need } from "./install-server.ts";
import type { Program } from "./run-program.ts";

const READY_MS = 30_000;
const STOP_MS = 5_000;
const LOOK_MS = 50;
const ERRORS_SHOWN_MAX = 5;
const LOG_TAIL_CHARS = 2_000;

export interface LocalServer {
  readonly endpoint: string;
  /** What its clients must trust. */
  readonly certificate: string;
  readonly logFile: string;
  /** Its process group: itself and the functions' processes. */
  readonly pid: number;
  /** The end of its log. */
  tail(): string;
  /** Ends the server and every function's process. */
  stop(): Promise<void>;
  /** From now on it outlives this process. */
  letLive(): void;
}

/**
 * Starts the server in a session of its own, on a free port of the loopback, with TLS, and with signatures and IAM enforced
 * as AWS does (`AUTH`). Its state is in the folder. Throws `CannotTry` where it cannot make a certificate.
 */
export async function startServer(
  packages: string,
  folder: string,
  run: Omit<Program, "command" | "args">,
): Promise<LocalServer> {
  const python = { ...run.env, PYTHONPATH: packages, TMPDIR: folder, HOME: folder };
  const makeCertificate = ["-c", "from ministack.core import tls; tls.resolve_tls_material()"];
  await need("openssl", { ...run, env: python, command: "python3", args: makeCertificate });
  const tls = join(folder, "ministack-tls");
  const [certificate, key] = [join(tls, "server.crt"), join(tls, "server.key")];
  const port = await freePort();
  const logFile = join(folder, "server.log");
  const child = spawnServer(folder, logFile, port, certificate, key, {
    ...python,
    PYTHONPATH: [packages, import.meta.dirname].join(delimiter),
    AUTH: "true",
    USE_SSL: "1",
    MINISTACK_SSL_CERT: certificate,
    MINISTACK_SSL_KEY: key,
    BIND_HOST: "127.0.0.1",
    // What it names in URLs. With an address here, the API's own would be one that no program can parse.
    MINISTACK_HOST: "localhost",
    GATEWAY_PORT: String(port),
    // No further port.
    IOT_MTLS_ENABLED: "0",
    // The functions inherit it: they call the server too.
    NODE_EXTRA_CA_CERTS: certificate,
  });
  const { pid } = child;
  // Never 0 in its place: as a group's number that is our own.
  if (pid === undefined) throw new Error("the server could not be started");
  const endpoint = `https://127.0.0.1:${port}`;
  await untilReady(child, endpoint, certificate, logFile, run.signal);
  return {
    endpoint,
    certificate,
    logFile,
    pid,
    tail: () => tailOf(readFileSync(logFile, "utf8")),
    stop: () => stopGroup(child, pid),
    letLive: () => letLive(child),
  };
}

/** Not by its own command, which would take port 443 too where it may. */
function spawnServer(
  folder: string,
  logFile: string,
  port: number,
  certificate: string,
  key: string,
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const tls = ["--certfile", certificate, "--keyfile", key];
  const server = ["python3", "-B", "-m", "hypercorn", "server_app:app", "--bind", `127.0.0.1:${port}`, ...tls];
  const log = openSync(logFile, "a", 0o600);
  try {
    return spawnGuardedGroup([...server, "--keep-alive", "75"], { cwd: folder, env, log });
  } finally {
    closeSync(log);
  }
}

async function untilReady(
  child: ChildProcess,
  endpoint: string,
  certificate: string,
  logFile: string,
  signal: AbortSignal,
): Promise<void> {
  const ca = await readFile(certificate);
  const untilMs = systemClock.monotonicMs() + READY_MS;
  while (!(await answers(endpoint, ca))) {
    signal.throwIfAborted();
    if (child.exitCode !== null || systemClock.monotonicMs() > untilMs) {
      const log = (await readFile(logFile, "utf8")).slice(-LOG_TAIL_CHARS);
      throw new Error(`the server was not ready within ${READY_MS / 1_000} s:\n${log}`);
    }
    await wait(LOOK_MS);
  }
}

function answers(endpoint: string, ca: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const ask = request(`${endpoint}/_localstack/health`, { ca }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    // Refused until it listens.
    ask.on("error", () => resolve(false));
    ask.end();
  });
}

/** SIGTERM first: the server then removes the functions' folders. */
async function stopGroup(child: ChildProcess, pid: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(timer);
  killGroup(pid);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // Nobody is left in it.
    if (systemCode(error) !== "ESRCH") throw error;
  }
}

/** The end of the log, and before it what the functions called an error: mostly that is what one looks for. */
function tailOf(log: string): string {
  const errors = log.split("\n").filter((line) => line.includes('"level":"ERROR"'));
  return [...errors.slice(-ERRORS_SHOWN_MAX), log.slice(-LOG_TAIL_CHARS)].join("\n");
}
