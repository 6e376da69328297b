import { spawn } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { parseStat } from "./find-members.ts";

/** How long the first process of a sandbox may take to build it. */
const START_MAX_MS = 15_000;
const ERROR_BYTES_MAX = 4_096;
const LOOK_MS = 5;

/** How a sandbox is started and entered; every path is absolute and outside of the attempt's reach. */
export interface SpaceSpec {
  /** Makes the namespaces; its child is their first process, which says `ready <pid>` and ends with its standard input. */
  readonly start: readonly string[];
  readonly nsenter: string;
  /** What follows `--target=<pid>`: the step's own command comes behind it. */
  readonly inside: readonly string[];
}

/** The namespaces of one attempt, by their first process: it is killed, and the kernel kills all others. */
export interface Space {
  readonly init: number;
  readonly startTicks: number;
  /** Of all processes inside, those in a nested PID namespace excepted. */
  readonly pidNamespace: string;
  /** Of the sandbox's own first processes, which are no steps. */
  readonly outerUsers: string;
}

export interface StartingSpace {
  /** Rejects with what the program said where it could not be made. */
  readonly ready: Promise<Space>;
  kill(): void;
  /** True once nothing of it lives. */
  gone(withinMs: number): Promise<boolean>;
}

/** Starts a sandbox. It ends when this process does, since its first process reads our pipe. */
export function startSpace(spec: SpaceSpec): StartingSpace {
  const [program = "", ...args] = spec.start;
  const child = spawn(program, args, { cwd: "/", env: {}, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => undefined); // it is gone: `exited` says so
  let ended = false;
  let space: Space | undefined;
  const exited = new Promise<void>((resolve) => {
    const over = () => {
      ended = true;
      resolve();
    };
    child.once("exit", over);
    child.once("error", over);
  });

  async function becomeReady(): Promise<Space> {
    let said = "";
    let why = "";
    const { promise: line, resolve } = Promise.withResolvers<void>();
    child.stderr.on("data", (bytes: Buffer) => {
      why = (why + bytes.toString("utf8")).slice(-ERROR_BYTES_MAX);
    });
    child.stdout.on("data", (bytes: Buffer) => {
      said = (said + bytes.toString("latin1")).slice(-ERROR_BYTES_MAX);
      if (said.includes("\n")) resolve();
    });
    const late = setTimeout(resolve, START_MAX_MS);
    // Behind the end of the output, so that all that was said is known.
    child.once("close", () => resolve());
    child.once("error", (error) => {
      why = error.message;
      resolve();
    });
    await line;
    clearTimeout(late);
    const init = Number(/^ready (\d+)\n/.exec(said)?.[1]);
    if (Number.isInteger(init)) return describe(init);
    kill();
    throw new Error(why.trim().replaceAll(/\s*\n\s*/g, "; ") || `it was not ready within ${START_MAX_MS} ms`);
  }

  const ready = becomeReady().then((made) => {
    space = made;
    return made;
  });
  // Whoever ends it first need not wait for it.
  ready.catch(() => undefined);

  function kill(): void {
    if (space !== undefined) killSpace(space);
    child.stdin.destroy();
    // With --kill-child its child goes with it, whatever that is doing.
    if (space === undefined && !ended) child.kill("SIGKILL");
  }

  return {
    ready,
    kill,
    async gone(withinMs) {
      const late = new AbortController();
      await Promise.race([exited, wait(withinMs, undefined, { signal: late.signal }).catch(() => undefined)]);
      late.abort();
      return ended;
    },
  };
}

function describe(init: number): Space {
  const { startTicks } = parseStat(readFileSync(`/proc/${init}/stat`, "latin1"));
  const link = (name: string) => readlinkSync(`/proc/${init}/ns/${name}`);
  return { init, startTicks, pidNamespace: link("pid"), outerUsers: link("user") };
}

/** Kills the first process, and with it all others. Nothing, where it has gone: its id may be another's by now. */
function killSpace({ init, startTicks }: Space): void {
  if (!isRunning({ init, startTicks })) return;
  try {
    process.kill(init, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** For a process that is no parent of it. The kernel has ended all others before the first one is a zombie. */
export async function spaceIsGone(space: Space, withinMs: number, monotonicMs: () => number): Promise<boolean> {
  const untilMs = monotonicMs() + withinMs;
  while (isRunning(space)) {
    if (monotonicMs() >= untilMs) return false;
    await wait(LOOK_MS);
  }
  return true;
}

function isRunning({ init, startTicks }: Pick<Space, "init" | "startTicks">): boolean {
  try {
    const stat = parseStat(readFileSync(`/proc/${init}/stat`, "latin1"));
    return stat.startTicks === startTicks && stat.state !== "Z" && stat.state !== "X";
  } catch {
    return false; // no such process
  }
}

/**
 * nsenter(1) stops itself when its child stops, and then never sees the child's end: it is made to go on, which
 * continues the child.
 */
export function continueIfStopped(pid: number): void {
  try {
    if (parseStat(readFileSync(`/proc/${pid}/stat`, "latin1")).state === "T") process.kill(pid, "SIGCONT");
  } catch {
    // It has just ended.
  }
}
