import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { RunnerEvent } from "../../runner/events.ts";
import { RUNNER_NODE_FLAGS } from "../../runner/node-flags.ts";
import { findMembers } from "../../runner/watchdog/find-members.ts";
import { eventually } from "./eventually.ts";

/** A real runner process, and what it says. */
export interface RunnerProcess {
  readonly pid: number;
  readonly workDir: string;
  readonly events: RunnerEvent[];
  readonly child: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  heard(type: RunnerEvent["type"]): Promise<RunnerEvent>;
  /** Kills the process if it still lives, and removes its folder. */
  discard(): Promise<void>;
}

const MAIN = fileURLToPath(new URL("../../runner/main.ts", import.meta.url));

export async function spawnRunner(options: {
  readonly url: string;
  readonly token: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly workDir?: string;
  /** Runs as this user; only root can. */
  readonly uid?: number;
  /** A cgroup's folder that it starts in. */
  readonly cgroup?: string | undefined;
  /** A program that becomes the runner, with its own arguments. */
  readonly by?: readonly string[];
}): Promise<RunnerProcess> {
  const workDir = options.workDir ?? mkdtempSync(join(tmpdir(), "baton-runner-"));
  const tokenFile = join(workDir, "token");
  writeFileSync(tokenFile, `${options.token}\n`, { mode: 0o600 });
  const { uid } = options;
  if (uid !== undefined) for (const path of [workDir, tokenFile]) chownSync(path, uid, uid);
  const args = ["--url", options.url, "--token-file", tokenFile, "--work-dir", workDir, "--json"];
  const enter =
    options.cgroup === undefined ? [] : ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', options.cgroup];
  const words = [...enter, ...(options.by ?? []), process.execPath, ...RUNNER_NODE_FLAGS, MAIN, ...args];
  const [program = "", ...rest] = words;
  const child = spawn(program, [...rest, ...(options.args ?? [])], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", ...options.env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const events: RunnerEvent[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const event: unknown = JSON.parse(line);
    events.push(event as RunnerEvent);
  });
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid ?? 0,
    workDir,
    events,
    child,
    exited,
    heard: (type) => eventually(`the runner says ${type}`, () => events.find((event) => event.type === type)),
    async discard() {
      child.kill("SIGKILL");
      await exited;
      // A watchdog that is just ending still writes its compiled code into the cache.
      const watchdogs = { cookie: workDir, leaders: new Set<number>() };
      await eventually("the watchdogs end", () => findMembers(watchdogs).length === 0);
      rmSync(workDir, { recursive: true, force: true });
    },
  };
}
