import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { GivenSecrets } from "./check-secrets-file.ts";

/** A runner process of ours. It ends with us: its stdin is our pipe, and it kills its attempts when that closes. */
export interface SpawnedRunner {
  readonly pid: number | undefined;
  /** Settles when the process has ended, with how it ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** News waits at the control plane, a cancellation: the runner asks for it now and not at its next heartbeat. */
  nudge(): void;
  /** Closes the pipe and waits; after `graceMs` kills. */
  stop(graceMs: number): Promise<void>;
  kill(): void;
}

/** The control plane of a runner, and the file with the token for it. */
export interface RunnerServer {
  readonly url: string;
  readonly tokenFile: string;
}

export interface RunnerOptions {
  readonly workDir: string;
  readonly allowSources: readonly string[];
  readonly pools: readonly string[];
  readonly logFile: string;
  readonly slots?: number;
  readonly name?: string;
  readonly secrets?: GivenSecrets;
  readonly keepWorkspace?: boolean;
  /** Walls between steps and host; none for a run of the user's own tree. */
  readonly sandbox?: {
    readonly hide: readonly string[];
    readonly readOnly: readonly string[];
    readonly expose: readonly string[];
  };
  readonly env: Readonly<Record<string, string>>;
}

/** Where the command's own compiled code lies (see baton.mjs): the runner starts faster with its. */
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/baton", import.meta.url));
const MAIN = fileURLToPath(new URL("../../runner/main.ts", import.meta.url));

/** How this host reaches the network: without its proxy and its authorities, steps could fetch nothing. */
const NETWORK_VARIABLES = [
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"],
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"],
  ...["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"],
];

/**
 * Starts a runner in a session of its own, so that a terminal's Ctrl-C reaches us alone and we decide. It loads while
 * its control plane still starts: where that is, it is told on its pipe.
 */
export function spawnRunner(options: RunnerOptions, server: Promise<RunnerServer>): SpawnedRunner {
  const log = openSync(options.logFile, "a", 0o600);
  const child = spawn(process.execPath, [MAIN, ...runnerArguments(options)], {
    stdio: ["pipe", log, log],
    env: { ...options.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
    detached: true,
  });
  closeSync(log);
  // The runner may be gone when its pipe is closed: how it ended is what counts.
  child.stdin?.on("error", () => undefined);
  const exited = ended(child);
  const { secrets } = options;
  const streamed = secrets !== undefined && "text" in secrets ? { secrets: secrets.text } : {};
  server.then(
    ({ url, tokenFile }) => child.stdin?.write(`${JSON.stringify({ url, tokenFile, ...streamed })}\n`),
    () => child.stdin?.end(), // without a control plane there is no work: whoever started it tells why
  );
  return {
    pid: child.pid,
    exited,
    nudge: () => void child.stdin?.write("\n"),
    kill: () => void child.kill("SIGKILL"),
    async stop(graceMs) {
      child.stdin?.end();
      const patience = new AbortController();
      const timeUp = wait(graceMs, "late" as const, { signal: patience.signal }).catch(() => "in time" as const);
      if ((await Promise.race([exited, timeUp])) === "late") child.kill("SIGKILL");
      patience.abort();
      await exited;
    },
  };
}

function runnerArguments(options: RunnerOptions): string[] {
  return [
    ...["--server-from-parent", "--work-dir", options.workDir],
    ...options.allowSources.flatMap((path) => ["--allow-source", path]),
    ...options.pools.flatMap((pool) => ["--pool", pool]),
    ...(options.slots === undefined ? [] : ["--slots", String(options.slots)]),
    ...(options.name === undefined ? [] : ["--name", options.name]),
    ...(options.secrets !== undefined && "file" in options.secrets ? ["--secrets-file", options.secrets.file] : []),
    ...(options.keepWorkspace === true ? ["--keep-workspace"] : []),
    ...sandboxArguments(options.sandbox),
    ...NETWORK_VARIABLES.filter((name) => options.env[name] !== undefined).flatMap((name) => ["--pass-env", name]),
    "--exit-with-parent",
  ];
}

function sandboxArguments(sandbox: RunnerOptions["sandbox"]): string[] {
  if (sandbox === undefined) return [];
  return [
    ...["--sandbox", "on"],
    ...sandbox.hide.flatMap((path) => ["--hide", path]),
    ...sandbox.readOnly.flatMap((path) => ["--read-only", path]),
    ...sandbox.expose.flatMap((path) => ["--expose", path]),
  ];
}

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  if (child.pid === undefined) {
    const [error] = (await once(child, "error")) as [Error];
    throw new Error(`cannot start the runner: ${error.message}`, { cause: error });
  }
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return { code, signal };
}
