import type { OfferMessage, OfferQueue, OpenOfferQueue } from "../../../runner/offer-queue.ts";
import type { Actor } from "../engine/actor.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";
import type { Line } from "./sim-network.ts";
import type { SimQueue } from "./sim-queue.ts";

/** A pool's queue as a runner reaches it, in the place of runner/offer-queue.ts and the SDK. */
const POLL_MS = 20_000;
const TURN_MS = 1_000;
const REQUEST_TIMEOUT_MS = 30_000;
const ONE_WAY_MS_MAX = 20;
const LINGER_MS = 50;
const PUT_BACK_MS = 1_000;

export interface OfferQueueDeps {
  readonly sim: Simulation;
  readonly faults: Faults;
  readonly runner: Actor;
  readonly line: Line;
  readonly queueOf: (url: string) => SimQueue;
  /** Told of each offer that is deleted. */
  readonly deleted: (body: string) => void;
}

export function simOfferQueue(deps: OfferQueueDeps): OpenOfferQueue {
  return (_session, onTrouble) => {
    const deleting = new Set<Promise<void>>();
    const queue: OfferQueue = {
      receive: (url, max, takingTurns) => receive(deps, url, max, takingTurns ? TURN_MS : POLL_MS),
      remove(message) {
        const done = remove(deps, message).catch(onTrouble);
        deleting.add(done);
        void done.finally(() => deleting.delete(done));
      },
      putBack: ({ queueUrl, receipt }) =>
        send(deps, `putBack ${receipt}`, () => deps.queueOf(queueUrl).hide(receipt, PUT_BACK_MS)),
      async flush() {
        await Promise.all(deleting);
      },
      renew: () => true,
    };
    return queue;
  };
}

/** A long poll: answered by the first messages, or with none in the end. */
function receive(
  { sim, faults, runner, line, queueOf }: OfferQueueDeps,
  url: string,
  max: number,
  waitMs: number,
): Promise<OfferMessage[]> {
  const queue = queueOf(url);
  const name = sim.numbered(`ReceiveMessage ${queue.name} by ${runner.name}`);
  const dice = sim.dice(name);
  const way = () => 1 + dice() * ONE_WAY_MS_MAX;
  return new Promise((resolve, reject) => {
    const hear = (delayMs: number, settle: () => void) => void sim.at(runner, delayMs, name, settle);
    const fail = () => hear(REQUEST_TIMEOUT_MS, () => reject(new Error("injected: no answer from the queue")));
    if (line.cutOff) return fail();
    if (faults.strikes("queue refuses", name))
      return hear(way(), () => reject(new Error("injected: the queue refuses")));
    const answer = () => {
      const messages = queue.receive(max).map(({ body, receipt }) => ({ queueUrl: url, body, receipt }));
      if (line.cutOff || faults.strikes("queue loses the received", name)) fail();
      else hear(way(), () => resolve(messages));
    };
    sim.world(way(), name, () => {
      const timeout = sim.world(waitMs, name, () => {
        forget();
        answer();
      });
      const forget = queue.whenVisible(() => {
        timeout.canceled = true;
        answer();
      });
    });
  });
}

async function remove(deps: OfferQueueDeps, { queueUrl, receipt, body }: OfferMessage): Promise<void> {
  await send(
    deps,
    `DeleteMessage ${receipt}`,
    () => {
      if (deps.faults.strikes("queue loses the deletion", `${receipt} by ${deps.runner.name}`)) return;
      deps.deleted(body);
      deps.queueOf(queueUrl).remove(receipt);
    },
    LINGER_MS,
  );
}

function send(
  { sim, faults, runner, line }: OfferQueueDeps,
  operation: string,
  effect: () => void,
  lingerMs = 0,
): Promise<void> {
  const name = sim.numbered(`${operation} by ${runner.name}`);
  const dice = sim.dice(name);
  const way = () => 1 + dice() * ONE_WAY_MS_MAX;
  return new Promise((resolve, reject) => {
    sim.at(runner, lingerMs, name, () => {
      if (line.cutOff || faults.strikes("queue refuses", name))
        return void sim.at(runner, way(), name, () => reject(new Error("injected: the queue refuses")));
      sim.world(way(), name, () => {
        effect();
        sim.at(runner, way(), name, resolve);
      });
    });
  });
}
