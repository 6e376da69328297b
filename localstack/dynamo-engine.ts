import type { ChildProcess } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { freePort } from "./free-port.ts";
import { spawnGuarded } from "./guarded-child.ts";
import { StartFailure } from "./start-failure.ts";

export interface DynamoEngine {
  readonly port: number;
  readonly pid: number;
  /** Settles when the engine has ended, for whatever reason. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/** A free port may be taken by somebody else before the engine binds it. */
const PORT_TRIES_MAX = 5;
const LISTEN_MS = 10_000;
const STOP_MS = 500;
const STDERR_KEPT = 2_000;

/** The engine's binary for this platform. Fails `engine_missing`. */
export function findDynamoEngine(platform: string, arch: string): string {
  const name = `@dynoxide/${platform}-${arch}`;
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "dynoxide");
    accessSync(path, constants.X_OK);
    return path;
  } catch (cause) {
    const message = `no embedded DynamoDB engine for ${platform}-${arch} (package ${name}): use a deployed Baton instead (BATON_URL, BATON_TOKEN)`;
    throw new StartFailure("engine_missing", message, { cause });
  }
}

/**
 * Starts the engine on the loopback: in a file, or in memory without one. With a first port to try it is spawned before
 * this returns, so that it starts while the caller's thread loads modules. Fails `engine_failed`.
 */
export async function startDynamoEngine(
  binary: string,
  file: string | undefined,
  firstPort?: number,
): Promise<DynamoEngine> {
  for (let attempt = 1; ; attempt += 1) {
    const port = attempt === 1 && firstPort !== undefined ? firstPort : await freePort();
    const args = ["--host", "127.0.0.1", "--port", String(port), ...(file === undefined ? [] : ["--db-path", file])];
    const child = spawnGuarded(binary, args);
    const refusal = await listening(child);
    if (refusal === undefined) return engineOf(child, port);
    if (!refusal.includes("already in use") || attempt >= PORT_TRIES_MAX)
      throw new StartFailure("engine_failed", `the DynamoDB engine did not start: ${refusal}`);
  }
}

/** Undefined once it listens; else why it does not. */
function listening(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    let said = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      resolve(`silent for ${LISTEN_MS} ms`);
    }, LISTEN_MS);
    const settle = (refusal: string | undefined): void => {
      clearTimeout(timer);
      resolve(refusal);
    };
    child.stderr?.on("data", (chunk: Buffer) => {
      process.stderr.write(chunk);
      said = (said + chunk.toString("utf8")).slice(-STDERR_KEPT);
      if (said.includes("listening on")) settle(undefined);
    });
    child.once("error", (error) => settle(error.message));
    child.once("exit", (code, signal) => settle(said.trim() || `ended with ${code ?? signal}`));
  });
}

function engineOf(child: ChildProcess, port: number): DynamoEngine {
  const pid = child.pid;
  if (pid === undefined) throw new StartFailure("engine_failed", "the DynamoDB engine has no process");
  const exited = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("exit", () => resolve());
  });
  return {
    port,
    pid,
    exited,
    async stop() {
      child.kill("SIGTERM");
      // Every write is durable once answered: the engine loses nothing by being killed.
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}
