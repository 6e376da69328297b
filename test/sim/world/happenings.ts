import type { Simulation } from "../engine/simulation.ts";
import type { Faults, Happening } from "../faults.ts";
import type { SimBucket } from "./sim-bucket.ts";
import { resume, type SimHost, suspend } from "./sim-host.ts";
import type { AttemptProcesses } from "./sim-processes.ts";
import type { SimRunner } from "./sim-runner.ts";

/** Lets happen to hosts what the faults say, and undoes it in time. */
export interface Happens {
  readonly sim: Simulation;
  readonly faults: Faults;
  readonly hosts: readonly SimHost[];
  readonly runnerOf: (host: SimHost) => SimRunner | undefined;
  readonly attempts: readonly AttemptProcesses[];
  readonly bucket: SimBucket;
}

export function letHappen(world: Happens): void {
  for (const happening of world.faults.happenings)
    world.sim.world(happening.atMs, happening.kind, () => {
      world.faults.note(happening);
      happen(world, happening);
    });
}

function happen(world: Happens, { kind, host: number, lastsMs }: Happening): void {
  const { sim, bucket } = world;
  const host = world.hosts[number];
  if (host === undefined) return;
  const runner = world.runnerOf(host);
  const later = (undo: () => void) => void sim.world(lastsMs, `${kind} no more`, undo);
  switch (kind) {
    case "runner is killed":
      if (runner !== undefined) sim.kill(runner.actor, "SIGKILL");
      break;
    case "runner is paused":
      if (runner === undefined || host.suspended) break;
      sim.pause(runner.actor);
      later(() => {
        if (!host.suspended) sim.wake(runner.actor);
      });
      break;
    case "runner drains":
      if (runner !== undefined && runner.actor.backlog === undefined)
        sim.at(runner.actor, 0, "SIGTERM", () => runner.runner.drain("SIGTERM", lastsMs));
      break;
    case "runner is nudged":
      if (runner !== undefined) sim.at(runner.actor, 0, "nudge", runner.nudge.now);
      break;
    case "host is suspended":
      if (host.suspended) break;
      for (const one of world.attempts) if (one.host === host && one.running.size > 0) one.slept = true;
      suspend(sim, host);
      later(() => resume(sim, host));
      break;
    case "host is lost":
      // The whole machine, at one moment: no process of it sees another go.
      for (const actor of [...host.processes]) if (actor !== host.kernel) sim.kill(actor, "its host is lost");
      break;
    case "watchdog is killed": {
      const [watchdog] = runner?.executor.watchdogs ?? [];
      if (watchdog !== undefined && runner?.actor.backlog === undefined) sim.kill(watchdog.actor, "SIGKILL");
      break;
    }
    case "host is cut off":
      host.line.cutOff = true;
      later(() => {
        host.line.cutOff = false;
      });
      break;
    case "bucket is down":
      bucket.down = true;
      later(() => {
        bucket.down = false;
      });
      break;
  }
}
