import type { ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { accessSync, constants } from "node:fs";
import type { Agent } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../shared/lib/message-of.ts";
import { CHANNEL_FD, spawnGuarded } from "./guarded-child.ts";
import { damagedFile, StartFailure } from "./start-failure.ts";

/**
 * The table's engine checks neither signatures nor who calls. So it runs in a network namespace of its own, where nothing
 * but its connector is; where there is no such namespace, at an address that nobody can guess (ADR 0070).
 */

export interface DynamoEngine {
  readonly pid: number;
  readonly reach: TableReach;
  /** Settles when the engine has ended, for whatever reason. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/** How the table is reached. */
export interface TableReach {
  readonly endpoint: string;
  /** Makes connections into the engine's namespace; absent where its address is reached by itself. */
  readonly agent?: Agent;
  /** Why others of this machine could reach it; absent where nobody can. */
  readonly exposed?: string;
}

/** The engine's port in its namespace: it is alone there. */
export const ENGINE_PORT = 8_000;
/** An address in it is none outside: should a client miss the agent, it reaches nobody's server. */
const INSIDE_ENDPOINT = `http://table.baton.invalid:${ENGINE_PORT}`;
const INSIDE = "baton: inside a network namespace";
const LISTENING = "listening on";
/** A guessed port may be somebody's. */
const OPEN_TRIES_MAX = 5;
const LISTEN_MS = 10_000;
const STOP_MS = 500;
const STDERR_KEPT = 2_000;
const CONNECTOR = fileURLToPath(new URL("engine-connector.mjs", import.meta.url));

/** Root may make one at once; anybody else, and root in some containers, as the root of a user namespace. */
const NAMESPACES: readonly (readonly string[])[] = [
  ...(process.getuid?.() === 0 ? [["--net"]] : []),
  ["--user", "--map-root-user", "--net"],
];
/** In the namespace: brings the loopback up, starts the connector, becomes the engine. */
const ENTER = `PATH="$PATH:/usr/sbin:/sbin"
ip link set lo up 2>/dev/null || ifconfig lo up || exit 1
echo "${INSIDE}" >&2
"$1" "$2" "$3" </dev/null >/dev/null &
shift 3; exec ${CHANNEL_FD}<&-; exec "$@"`;

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
 * Starts the engine: in a file, or in memory without one. It is spawned before this returns, so that it starts while the
 * caller's thread loads modules. Fails `engine_failed`.
 */
export async function startDynamoEngine(
  binary: string,
  file: string | undefined,
  namespaces: typeof NAMESPACES = NAMESPACES,
): Promise<DynamoEngine> {
  const command = [binary, ...(file === undefined ? [] : ["--db-path", file])];
  let why = "";
  for (const options of namespaces) {
    const child = spawnInside(options, command);
    const said = await listening(child);
    if (said === undefined) {
      // Loaded once the engine is spawned: its schemas are heavy.
      const { connectorAgent } = await import("./engine-sockets.ts");
      return engineOf(child, { endpoint: INSIDE_ENDPOINT, agent: connectorAgent(child) });
    }
    if (said.includes(INSIDE)) throw failed(said.replace(INSIDE, "").trim(), file);
    why = said;
  }
  return startOpen(command, file, why);
}

function spawnInside(options: readonly string[], command: readonly string[]): ChildProcess {
  const port = String(ENGINE_PORT);
  const enter = ["/bin/sh", "-c", ENTER, "baton-namespace", process.execPath, CONNECTOR, port];
  const args = [...options, ...enter, ...command, "--host", "127.0.0.1", "--port", port];
  return spawnGuarded("unshare", args, { channel: true });
}

/** All of 127.0.0.0/8 is the loopback: no web page finds one address of 16 million, but other users are told it by /proc. */
async function startOpen(command: readonly string[], file: string | undefined, why: string): Promise<DynamoEngine> {
  for (let attempt = 1; ; attempt += 1) {
    const host = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
    const port = randomInt(10_000, 30_000);
    const [binary = "", ...args] = command;
    const child = spawnGuarded(binary, [...args, "--host", host, "--port", String(port)]);
    const said = await listening(child);
    const exposed = `other users of this machine can reach the table of this control plane, and so run jobs: it cannot have a network namespace (${lastLine(why)}; localstack/KNOWN_GAPS.md)`;
    if (said === undefined) return engineOf(child, { endpoint: `http://${host}:${port}`, exposed });
    if (!said.includes("already in use") || attempt >= OPEN_TRIES_MAX) throw failed(said, file);
  }
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

/** What the engine says of a file in which it finds no table of its own. */
export function damagedTable(error: unknown, file: string): StartFailure | undefined {
  return DAMAGED.test(messageOf(error)) ? damagedFile(file, error, REMEDY) : undefined;
}

/** `file`: where it was to keep the table. Its own words do not name it. */
function failed(why: string, file?: string): StartFailure {
  const damaged = file === undefined ? undefined : damagedTable(why, file);
  if (damaged !== undefined) return damaged;
  return new StartFailure("engine_failed", `the DynamoDB engine did not start: ${why}`);
}
const DAMAGED = /not a valid SQLite database|unable to open database file|malformed|not a database/i;
const REMEDY = "restore it from a copy, or remove it and start again; its runs, projects and tokens are lost then";

/** Undefined once it listens; else what it said before it ended. */
function listening(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    let said = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      resolve(`${said}silent for ${LISTEN_MS} ms`);
    }, LISTEN_MS);
    const settle = (refusal: string | undefined): void => {
      clearTimeout(timer);
      resolve(refusal);
    };
    child.stderr?.on("data", (chunk: Buffer) => {
      process.stderr.write(chunk);
      said = (said + chunk.toString("utf8")).slice(-STDERR_KEPT);
      if (said.includes(LISTENING)) settle(undefined);
    });
    child.once("error", (error) => settle(error.message));
    // Ends the connector, which has the same stderr: what the engine said last is then read whole.
    child.once("exit", (code, signal) => {
      if (child.connected) child.disconnect();
      const ended = () => settle(said.trim() || `ended with ${code ?? signal}`);
      if (child.stderr?.closed === false) child.stderr.once("close", ended);
      else ended();
    });
  });
}

function engineOf(child: ChildProcess, reach: TableReach): DynamoEngine {
  const pid = child.pid;
  if (pid === undefined) throw failed("it has no process");
  const exited = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("exit", () => resolve());
  });
  // Without its connector the engine serves nobody who is not connected yet.
  child.once("disconnect", () => child.kill("SIGKILL"));
  return {
    pid,
    reach,
    exited,
    async stop() {
      reach.agent?.destroy();
      child.kill("SIGTERM");
      // Every write is durable once answered: the engine loses nothing by being killed.
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}
