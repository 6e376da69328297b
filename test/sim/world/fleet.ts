import type { WatchedAttempts } from "../check/watch-attempts.ts";
import type { WatchedMessages } from "../check/watch-messages.ts";
import { oneOf, wholeOf } from "../engine/dice.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";
import type { ControlPlane } from "./control-plane.ts";
import { letHappen } from "./happenings.ts";
import { makeHost, type SimHost } from "./sim-host.ts";
import { type SimRunner, startSimRunner } from "./sim-runner.ts";

/** The hosts of a world, each with a supervisor that starts its runner again, and what happens to them. */
export interface Fleet {
  readonly sim: Simulation;
  readonly faults: Faults;
  readonly plane: ControlPlane;
  readonly token: string;
  readonly pools: readonly [string, ...string[]];
  readonly hosts: number;
  readonly strained: boolean;
  readonly attempts: WatchedAttempts;
  readonly messages: WatchedMessages;
}

const SECOND_MS = 1_000;
const START_MS_MAX = 3 * SECOND_MS;
const RESTART_MS_MAX = 20 * SECOND_MS;
const SLOTS_MAX = 4;

export function startFleet(fleet: Fleet): void {
  const { sim, faults, plane, attempts } = fleet;
  const hosts = Array.from({ length: fleet.hosts }, (_, number) => makeHost(sim, number, fleet.strained));
  const runners = new Map<SimHost, SimRunner>();

  function supervise(host: SimHost, number: number): void {
    if (host.suspended) return void sim.world(SECOND_MS, "supervisor", () => supervise(host, number));
    const runner = startOn(fleet, host, number);
    runners.set(host, runner);
    runner.actor.onDeath.push(() => {
      runners.delete(host);
      const again = sim.dice(sim.numbered(`restart of ${host.name}`))() * RESTART_MS_MAX;
      sim.world(SECOND_MS + again, "supervisor", () => supervise(host, number));
    });
  }

  for (const [number, host] of hosts.entries())
    sim.world(sim.dice(`start of ${host.name}`)() * START_MS_MAX, "supervisor", () => supervise(host, number));
  const runnerOf = (host: SimHost) => runners.get(host);
  letHappen({ sim, faults, hosts, runnerOf, attempts: attempts.attempts, bucket: plane.bucket });
}

function startOn({ sim, faults, plane, token, pools, attempts, messages }: Fleet, host: SimHost, number: number) {
  const dice = sim.dice(`runner of ${host.name}`);
  // Each pool is somebody's: the first host serves them all.
  const served = number === 0 || dice() < 0.5 ? pools : [oneOf(dice, pools)];
  return startSimRunner({
    sim,
    faults,
    plane,
    host,
    token,
    pools: served,
    slots: wholeOf(dice, 1, SLOTS_MAX),
    watch: attempts,
    offerDeleted: messages.offerDeleted,
    emitted: attempts.emitted,
    logged: attempts.logged,
  });
}
