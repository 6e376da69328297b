import { spawn } from "node:child_process";
import { closeSync, constants, openSync, write } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../../shared/lib/clock.ts";
import { type Ended, endProcesses, groupExists } from "./end-processes.ts";
import { sessionExists, startTicksOf } from "./find-members.ts";
import { parseCommand } from "./parse-command.ts";
import type { Command, Deadline, ReleaseCall, Report } from "./protocol.ts";
import { type ReleaseReason, releaseLease } from "./release-lease.ts";
import { continueIfStopped, type Space, type SpaceSpec, type StartingSpace, startSpace } from "./space.ts";

/** How long the kernel may take to end all processes of a sandbox. */
const SPACE_END_MAX_MS = 5_000;
/** How late a passed deadline may be seen. A timer alone would not count suspend, so the clock is looked at. */
const LOOK_MS = 100;

export interface WatchdogDeps {
  readonly clock: Clock;
  readonly report: (report: Report) => void;
  /** Ends this process, whatever its threads are doing. */
  readonly leave: () => void;
}

export interface Watchdog {
  command(message: unknown): void;
  /** The runner's end of the channel has closed: it ended, or was killed. */
  runnerGone(): void;
  /** This program failed: nothing may be left behind. */
  broken(): void;
}

/** What a watchdog holds: one attempt, from `attempt` until `done`. */
interface Held {
  readonly cookie: string;
  readonly release: ReleaseCall;
  readonly pipePath: string;
  /** Our own writing end: keeps the pipe open between steps, and takes the markers. */
  readonly pipe: number;
  readonly leaders: Set<number>;
  /** When each of them started. */
  readonly startTicks: Map<number, number | undefined>;
  /** The namespaces of the steps, once they stand. */
  space?: Space;
  readonly namespaces: { readonly spec: SpaceSpec; readonly started: StartingSpace } | undefined;
  /** Those who wait outside of the sandbox for a step inside. */
  readonly entrances: Set<number>;
  deadline: Deadline;
  /** From when on SIGKILL is used, once the processes are being ended. */
  killAtMs: number;
  ending?: Promise<Ended>;
  fenced: boolean;
}

/** The watchdog's whole behaviour; main.ts ties it to a process. */
export function makeWatchdog(deps: WatchdogDeps): Watchdog {
  const { clock, report, leave } = deps;
  let held: Held | undefined;
  let ticking: NodeJS.Timeout | undefined;

  function command(message: unknown): void {
    const parsed = parseCommand(message);
    if (parsed.type === "attempt") hold(parsed);
    // Commands for an attempt that was fenced a moment ago fall through: `fenced` is on its way.
    else if (held !== undefined && !held.fenced) obey(held, parsed);
  }

  function obey(attempt: Held, parsed: Exclude<Command, { type: "attempt" }>): void {
    switch (parsed.type) {
      case "deadline":
        attempt.deadline = parsed;
        break;
      case "step":
        startStep(attempt, parsed);
        break;
      case "stop":
        void stop(attempt, parsed).catch(broken);
        break;
      case "done":
        letGo(attempt);
        break;
    }
  }

  function hold(attempt: Command & { type: "attempt" }): void {
    if (held !== undefined) throw new Error("a watchdog holds one attempt at a time");
    held = {
      cookie: attempt.cookie,
      release: attempt.release,
      pipePath: attempt.pipe,
      pipe: openForWriting(attempt.pipe),
      leaders: new Set(),
      startTicks: new Map(),
      namespaces: attempt.space === undefined ? undefined : { spec: attempt.space, started: startSpace(attempt.space) },
      entrances: new Set(),
      deadline: { killAtMs: attempt.killAtMs, expiresAtMs: attempt.expiresAtMs },
      killAtMs: Number.POSITIVE_INFINITY,
      fenced: false,
    };
    ticking = setInterval(look, LOOK_MS);
    if (held.namespaces === undefined) report({ type: "ready" });
    else void awaitSpace(held, held.namespaces.started).catch(broken);
    look();
  }

  async function awaitSpace(attempt: Held, { ready }: StartingSpace): Promise<void> {
    try {
      attempt.space = await ready;
      report({ type: "ready", space: attempt.space });
    } catch (error) {
      if (!attempt.fenced)
        report({ type: "no_space", message: error instanceof Error ? error.message : String(error) });
    }
  }

  function look(): void {
    for (const pid of held?.entrances ?? []) continueIfStopped(pid);
    if (held === undefined || held.fenced || clock.monotonicMs() < held.deadline.killAtMs) return;
    // Half of what is left is the steps' to end by themselves; after a suspend nothing is left.
    const leftMs = Math.max(0, held.deadline.expiresAtMs - clock.monotonicMs());
    void fence(held, "deadline_passed", leftMs / 2).catch(broken);
  }

  function runnerGone(): void {
    if (held === undefined) leave();
    // At once: whoever waits for nobody's word must not wait for a grace time either.
    else void fence(held, "runner_lost", 0).catch(broken);
  }

  async function fence(attempt: Held, reason: ReleaseReason, graceMs: number): Promise<void> {
    const first = !attempt.fenced;
    attempt.fenced = true;
    const { clean } = await endAll(attempt, graceMs);
    if (!first) return;
    report({ type: "fenced", clean });
    // What cannot be killed still runs: then only the lease's own end may free the job.
    if (clean) await releaseLease(attempt.release, reason);
    leave();
  }

  /** One ending at a time; a later, stricter one only shortens its grace. */
  function endAll(attempt: Held, graceMs: number): Promise<Ended> {
    attempt.killAtMs = Math.min(attempt.killAtMs, clock.monotonicMs() + graceMs);
    forgetRecycled(attempt);
    attempt.ending ??=
      attempt.namespaces === undefined ? endMembers(attempt) : endSpace(attempt, attempt.namespaces.started);
    return attempt.ending;
  }

  function endMembers(attempt: Held): Promise<Ended> {
    return endProcesses(attempt, () => attempt.killAtMs, clock.monotonicMs);
  }

  /** The same grace; then the kernel ends whatever is left, at once and however it hides. */
  async function endSpace(attempt: Held, started: StartingSpace): Promise<Ended> {
    const members = endMembers(attempt);
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    members.then(over, over);
    while (!isOver && clock.monotonicMs() < attempt.killAtMs)
      await Promise.race([members, wait(Math.min(LOOK_MS, attempt.killAtMs - clock.monotonicMs()))]);
    started.kill();
    const [{ killed }, clean] = await Promise.all([members, started.gone(SPACE_END_MAX_MS)]);
    return { clean, killed };
  }

  async function stop(attempt: Held, { graceMs, marker }: Command & { type: "stop" }): Promise<void> {
    const ended = await endAll(attempt, graceMs);
    if (attempt.fenced) return;
    await writeMarker(attempt.pipe, marker);
    report({ type: "stopped", ...ended });
  }

  function letGo(attempt: Held): void {
    clearInterval(ticking);
    attempt.namespaces?.started.kill();
    closeSync(attempt.pipe);
    held = undefined;
  }

  function startStep(attempt: Held, step: Command & { type: "step" }): void {
    // A runner that slept may hand over, or go on with, an attempt whose time is over, all between two looks.
    look();
    if (attempt.fenced) return;
    if (attempt.ending !== undefined) {
      report({ type: "refused", code: "ECANCELED", message: "the attempt is being stopped" });
      return;
    }
    try {
      spawnStep(attempt, step);
    } catch (error) {
      report(refusal(error));
    }
  }

  function spawnStep(attempt: Held, step: Command & { type: "step" }): void {
    const [shell = "sh", ...args] = commandOf(attempt, step.command);
    // A file description of its own for each step: one that sets O_NONBLOCK spoils no other's output.
    const output = openForWriting(attempt.pipePath);
    try {
      const child = spawn(shell, args, {
        cwd: step.cwd,
        env: step.env,
        detached: true,
        stdio: ["ignore", output, output],
      });
      child.once("error", (error) => report(refusal(error)));
      if (child.pid === undefined) return;
      const leader = child.pid;
      // In a sandbox this one only waits: the step itself is found by its namespace.
      if (attempt.space !== undefined) attempt.entrances.add(leader);
      else {
        attempt.leaders.add(leader);
        attempt.startTicks.set(leader, startTicksOf(leader));
      }
      report({ type: "started", pid: leader });
      child.once("exit", (exitCode, signal) => {
        void stepEnded(attempt, step.marker, leader, exitCode ?? undefined, signal ?? undefined).catch(broken);
      });
    } finally {
      closeSync(output);
    }
  }

  async function stepEnded(attempt: Held, marker: string, pid: number, exitCode?: number, signal?: string) {
    attempt.entrances.delete(pid);
    const groupLeft = attempt.leaders.has(pid) && (groupExists(pid) || sessionExists(pid));
    // With group and session empty its id may be given to strangers; what left it is still found by the cookie.
    if (!groupLeft) attempt.leaders.delete(pid);
    // Of a fenced attempt only `fenced` is told: how its steps ended is the fence's doing.
    if (held !== attempt || attempt.fenced) return;
    report({ type: "exited", pid, exitCode, signal, groupLeft });
    await writeMarker(attempt.pipe, marker);
  }

  function broken(): void {
    if (held !== undefined) held.fenced = true;
    const ending = held === undefined ? Promise.resolve() : endAll(held, 0);
    // No release: the runner, or the lease's end, does that. What is alive must end here and now.
    ending.then(leave, leave);
  }

  return { command, runnerGone, broken };
}

/** An id that another process has by now is no leader's of ours: all that belonged to that one has ended. */
function forgetRecycled({ leaders, startTicks }: Held): void {
  for (const leader of leaders) {
    const ticks = startTicksOf(leader);
    if (ticks !== undefined && ticks !== startTicks.get(leader)) leaders.delete(leader);
  }
}

function commandOf({ space, namespaces }: Held, command: readonly string[]): readonly string[] {
  if (namespaces === undefined) return command;
  if (space === undefined) throw new Error("a step before the namespaces that it was to have");
  return [namespaces.spec.nsenter, `--target=${space.init}`, ...namespaces.spec.inside, ...command];
}

function refusal(error: unknown): Report {
  const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
  return { type: "refused", code, message: error instanceof Error ? error.message : String(error) };
}

/**
 * A blocking writing end of a FIFO. Opening one waits for a reader, and the runner may just have died, which would hang
 * the watchdog: a reader of our own, for a moment, which takes nothing, makes it return at once.
 */
function openForWriting(path: string): number {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return openSync(path, constants.O_WRONLY);
  } finally {
    closeSync(reader);
  }
}

/**
 * Writes a marker behind all that was written before. At most PIPE_BUF bytes, so it arrives whole (pipe(7)). In Node's
 * thread pool, since a full pipe blocks: there it waits its turn among other writers, which a retried non-blocking write
 * beside a background process that floods the pipe would not.
 */
function writeMarker(pipe: number, marker: string): Promise<void> {
  return new Promise((resolve, reject) => {
    write(pipe, Buffer.from(marker, "latin1"), (error) => {
      if (error === null || error.code === "EPIPE" || error.code === "EBADF") resolve();
      else reject(error);
    });
  });
}
