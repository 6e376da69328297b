import type { Actor, ClockError } from "../engine/actor.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Line } from "./sim-network.ts";

/** A machine that runs a runner: one clock for all of its processes, one line, and a kernel that can be suspended. */
export interface SimHost {
  readonly name: string;
  readonly clock: ClockError;
  readonly line: Line;
  /** Ends processes and tells who ended: works as long as the machine does. */
  readonly kernel: Actor;
  readonly processes: Set<Actor>;
  suspended: boolean;
  /** Adds a process of this machine. */
  spawn(name: string): Actor;
}

/** Hosts' clocks run at rates within this of the servers', either way: what the lease's margin must hold against. */
const RATE_MIN = 1 / 1.1;
const RATE_MAX = 1.1;
const HOUR_MS = 3_600_000;

/** `slow`: its clock is as slow as a clock may be. */
export function makeHost(sim: Simulation, number: number, slow: boolean): SimHost {
  const name = `host ${number}`;
  const dice = sim.dice(name);
  // The bounds themselves are what is tight, so they are common.
  const rate = dice() < 0.3 ? (dice() < 0.5 ? RATE_MIN : RATE_MAX) : RATE_MIN + dice() * (RATE_MAX - RATE_MIN);
  const clock = {
    rate: slow ? RATE_MIN : dice() < 0.3 ? 1 : rate,
    wallOffsetMs: Math.floor((dice() - 0.5) * 48) * HOUR_MS,
    monotonicOffsetMs: dice() * 24 * HOUR_MS,
  };
  const kernel = sim.spawn(`kernel of ${name}`, clock);
  const processes = new Set<Actor>([kernel]);
  return {
    name,
    clock,
    line: { cutOff: false },
    kernel,
    processes,
    suspended: false,
    spawn(processName) {
      const actor = sim.spawn(sim.numbered(`${processName} on ${name}`), clock);
      processes.add(actor);
      actor.onDeath.push(() => processes.delete(actor));
      return actor;
    },
  };
}

/** Everything stands still, and clocks that count suspend go on. */
export function suspend(sim: Simulation, host: SimHost): void {
  host.suspended = true;
  for (const actor of host.processes) sim.pause(actor);
}

export function resume(sim: Simulation, host: SimHost): void {
  host.suspended = false;
  for (const actor of host.processes) sim.wake(actor);
}

const PIPE_MS_MAX = 2;

/** A pipe between two processes of a machine: in order, and it breaks with its reader. */
export function makePipe(sim: Simulation, reader: Actor, name: string): (deliver: () => void) => void {
  const dice = sim.dice(`pipe ${name}`);
  let lastAtMs = 0;
  return (deliver) => {
    lastAtMs = Math.max(lastAtMs, sim.nowMs() + dice() * PIPE_MS_MAX);
    sim.at(reader, lastAtMs - sim.nowMs(), name, deliver);
  };
}
