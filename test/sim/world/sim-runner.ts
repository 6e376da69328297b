import type { Emit } from "../../../runner/events.ts";
import { makeNudge, type Nudge } from "../../../runner/nudge.ts";
import { type Runner, startRunner } from "../../../runner/runner.ts";
import { makeClient } from "../../../shared/protocol/client.ts";
import type { Actor } from "../engine/actor.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";
import type { ControlPlane } from "./control-plane.ts";
import { simAttemptIo } from "./sim-attempt-io.ts";
import { type AttemptWatch, makeSimExecutor, type SimExecutor } from "./sim-executor.ts";
import type { SimHost } from "./sim-host.ts";
import { simOfferQueue } from "./sim-offer-queue.ts";

/** One runner process: the real loops of runner/ on a simulated host. */
export interface SimRunner {
  readonly actor: Actor;
  readonly runner: Runner;
  readonly executor: SimExecutor;
  readonly nudge: Nudge;
}

export interface SimRunnerDeps {
  readonly sim: Simulation;
  readonly faults: Faults;
  readonly plane: ControlPlane;
  readonly host: SimHost;
  readonly token: string;
  readonly pools: readonly string[];
  readonly slots: number;
  readonly watch: AttemptWatch;
  readonly offerDeleted: (body: string, runner: Actor) => void;
  readonly logged: (spool: string, bytes: Buffer) => void;
  readonly emitted: Emit;
}

export const CONTROL_PLANE_URL = "http://baton.sim";

/** Starts a runner process; must be called as a moment of the world. */
export function startSimRunner(deps: SimRunnerDeps): SimRunner {
  const { sim, faults, plane, host, pools, slots } = deps;
  const actor = host.spawn("runner");
  const exchange = plane.network(host.line);
  const executor = makeSimExecutor(sim, host, actor, exchange, deps.watch);
  const nudge = makeNudge();
  const started: { runner?: Runner } = {};
  sim.act(actor, () => {
    const runner = startRunner({
      client: makeClient({ url: CONTROL_PLANE_URL, token: deps.token, exchange }),
      openOfferQueue: simOfferQueue({
        sim,
        faults,
        runner: actor,
        line: host.line,
        queueOf: (url) => plane.queues.pool(url.slice(url.lastIndexOf("/") + 1)),
        deleted: (body) => deps.offerDeleted(body, actor),
      }),
      executor: executor.executor,
      io: simAttemptIo({
        line: host.line,
        bucket: plane.bucket,
        writeScript: executor.writeScript,
        logged: deps.logged,
      }),
      clock: actor.clock,
      emit(event) {
        sim.tell(() => `  ${actor.name}: ${JSON.stringify(event)}`);
        deps.emitted(event);
      },
      nudge,
      meter: () => undefined,
      host: { path: "", lang: "", user: "", passed: {}, outerCookie: undefined },
      cacheDir: "/sim/cache",
      allowedRoots: [],
      secretsFile: undefined,
      claimSeed: actor.name,
      name: actor.name.replaceAll(" ", "-"),
      pools,
      slots,
    });
    runner.finished.then(
      () => {
        sim.kill(actor, "it has drained");
      },
      (error: unknown) => sim.fail(error),
    );
    started.runner = runner;
  });
  if (started.runner === undefined) throw new Error("the runner did not start");
  return { actor, runner: started.runner, executor, nudge };
}
