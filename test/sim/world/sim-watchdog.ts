import type { Command, Deadline, ReleaseCall } from "../../../runner/watchdog/protocol.ts";
import { type ReleaseReason, releaseLease } from "../../../runner/watchdog/release-lease.ts";
import type { Actor } from "../engine/actor.ts";
import type { SimTimer, Simulation } from "../engine/simulation.ts";
import { type AttemptProcesses, isStubborn, startProcess } from "./sim-processes.ts";
import type { StepScript } from "./step-script.ts";

/**
 * A watchdog as runner/watchdog/watchdog.ts is one, over simulated processes: it outlives its runner, ends the steps when
 * the runner is gone or the deadline passes, and then gives the lease back, over the real call.
 */
export interface SimWatchdog {
  readonly actor: Actor;
  command(command: WatchdogCommand): void;
  runnerGone(): void;
}

export type WatchdogCommand =
  | Exclude<Command, { readonly type: "attempt" | "step" }>
  | { readonly type: "step"; readonly name: string; readonly script: StepScript; readonly output: (b: Buffer) => void };

export type WatchdogReport =
  | { readonly type: "exited"; readonly exitCode: number }
  | { readonly type: "refused" }
  | { readonly type: "stopped"; readonly killed: number }
  | { readonly type: "fenced" };

/** As watchdog.ts has it: how late a passed deadline may be seen. */
const LOOK_MS = 100;
const TERM_MS_MAX = 60;
const KILL_MS_MAX = 15;

export function makeSimWatchdog(
  sim: Simulation,
  actor: Actor,
  attempt: AttemptProcesses,
  held: Deadline & { readonly release: ReleaseCall },
  report: (report: WatchdogReport) => void,
): SimWatchdog {
  const { clock, dice } = actor;
  const scripts = new Map<Actor, StepScript>();
  let deadline: Deadline = held;
  let looking: SimTimer | undefined;
  let killAtMs = Number.POSITIVE_INFINITY;
  let ending = false;
  let fenced = false;
  let over = false;
  let ended: ((killed: number) => void)[] = [];

  function lookLater(): void {
    const inMs = Math.max(0, deadline.killAtMs - clock.monotonicMs()) + dice() * LOOK_MS;
    looking = sim.at(actor, clock.trueMs(inMs), `${actor.name} looks`, look);
  }

  function look(): void {
    if (over || fenced) return;
    if (clock.monotonicMs() < deadline.killAtMs) lookLater();
    else fenceInTime();
  }

  function fenceInTime(): void {
    const leftMs = Math.max(0, deadline.expiresAtMs - clock.monotonicMs());
    fence("deadline_passed", leftMs / 2);
  }

  function fence(reason: ReleaseReason, graceMs: number): void {
    const first = !fenced;
    fenced = true;
    sim.tell(() => `${actor.name} fences: ${reason}`);
    endAll(graceMs, () => {
      if (!first) return;
      report({ type: "fenced" });
      releaseLease(held.release, reason).then(leave, (error: unknown) => sim.fail(error));
    });
  }

  /** SIGTERM now, SIGKILL after the grace time; told once nothing is left. A later, stricter one shortens the grace. */
  function endAll(graceMs: number, done: (killed: number) => void): void {
    killAtMs = Math.min(killAtMs, clock.monotonicMs() + graceMs);
    ending = true;
    ended.push(done);
    const killed = attempt.running.size;
    endRunning();
    awaitEmpty(killed);
  }

  function endRunning(): void {
    for (const one of attempt.running) {
      const stubborn = isStubborn(one, scripts.get(one));
      const untilKillMs = clock.trueMs(Math.max(0, killAtMs - clock.monotonicMs()));
      const inMs = stubborn
        ? untilKillMs + dice() * KILL_MS_MAX
        : dice() * Math.min(TERM_MS_MAX, untilKillMs + KILL_MS_MAX);
      sim.at(attempt.host.kernel, inMs, `${one.name} ends`, () => sim.kill(one, "it is ended"));
    }
  }

  function awaitEmpty(killed: number): void {
    sim.at(actor, 1 + dice() * KILL_MS_MAX, `${actor.name} looks for processes`, () => {
      if (attempt.running.size > 0) {
        // What they start meanwhile is ended too, round after round.
        endRunning();
        return awaitEmpty(killed);
      }
      const told = ended;
      ended = [];
      for (const done of told) done(killed);
    });
  }

  function leave(): void {
    over = true;
    if (looking !== undefined) looking.canceled = true;
    sim.kill(actor, "it leaves");
  }

  lookLater();
  return {
    actor,
    command(command) {
      if (over || fenced) return;
      switch (command.type) {
        case "deadline":
          deadline = command;
          break;
        case "step":
          if (clock.monotonicMs() >= deadline.killAtMs) fenceInTime();
          else if (ending) report({ type: "refused" });
          else {
            const { name, script, output } = command;
            const exited = (exitCode: number) => {
              if (!over && !fenced) report({ type: "exited", exitCode });
            };
            const before = new Set(attempt.running);
            startProcess(sim, attempt, { name, script, output, exited });
            for (const one of attempt.running) if (!before.has(one)) scripts.set(one, script);
          }
          break;
        case "stop":
          endAll(command.graceMs, (killed) => {
            if (!fenced) report({ type: "stopped", killed });
          });
          break;
        case "done":
          leave();
          break;
      }
    },
    runnerGone() {
      if (!over) fence("runner_lost", 0);
    },
  };
}
