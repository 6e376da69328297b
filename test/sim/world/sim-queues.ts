import { OFFER_QUEUE, QUEUES } from "../../../shared/resources.ts";
import { type DeliveryHint, QUEUE_DELAY_MAX_MS, type Queues, type Tick } from "../../../shared/store/queues.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { Faults } from "../faults.ts";
import { makeSimQueue, type SimQueue } from "./sim-queue.ts";
import type { Request } from "./sim-store.ts";

/** All queues of a world, as the control plane sends to them. */
export interface SimQueues {
  readonly queues: Queues;
  readonly ticks: SimQueue;
  readonly plans: SimQueue;
  readonly reports: SimQueue;
  readonly sendDelivery: (hint: DeliveryHint, delayMs?: number) => Promise<void>;
  pool(name: string): SimQueue;
  /** Told of each tick that a process sends, before anything happens to it. */
  watchTicks(watcher: (tick: Tick, sender: string) => void): void;
}

const SECOND_MS = 1_000;
/** How late a message may come beside its time. */
const LATE_MS_MAX = 20_000;

export function makeSimQueues(sim: Simulation, faults: Faults, request: Request, pools: readonly string[]): SimQueues {
  const lambdaQueue = (name: "ticks" | "plans" | "reports") =>
    makeSimQueue(sim, name, {
      visibilityMs: QUEUES[name].visibilitySeconds * SECOND_MS,
      retentionMs: QUEUES[name].retentionSeconds * SECOND_MS,
    });
  const ticks = lambdaQueue("ticks");
  const plans = lambdaQueue("plans");
  const reports = lambdaQueue("reports");
  const poolSettings = {
    visibilityMs: OFFER_QUEUE.visibilitySeconds * SECOND_MS,
    retentionMs: OFFER_QUEUE.retentionSeconds * SECOND_MS,
  };
  const poolQueues = new Map(pools.map((name) => [name, makeSimQueue(sim, `pool-${name}`, poolSettings)]));
  const watchers: ((tick: Tick, sender: string) => void)[] = [];

  function pool(name: string): SimQueue {
    const found = poolQueues.get(name);
    if (found === undefined) throw new Error(`there is no pool ${name}`);
    return found;
  }

  /** What SQS itself may do to a message, and more: it loses none, but whoever holds a pool's credentials may. */
  function accept(queue: SimQueue, body: string, delayMs: number): void {
    const name = sim.numbered(`${queue.name} ${body}`);
    if (faults.strikes("queue loses the message", name)) return;
    const late = faults.strikes("queue delays the message", name) ? sim.dice(`late ${name}`)() * LATE_MS_MAX : 0;
    queue.send(body, delayMs + late);
    if (!faults.strikes("queue doubles the message", name)) return;
    queue.send(body, delayMs + sim.dice(`double ${name}`)() * LATE_MS_MAX);
  }

  const queues: Queues = {
    async sendOffers(offers) {
      const byPool = Map.groupBy(offers, (offer) => offer.pool);
      await Promise.all(
        [...byPool].map(([name, ofPool]) =>
          request(`SendMessageBatch pool-${name}`, () => {
            for (const { offer } of ofPool) accept(pool(name), JSON.stringify(offer), 0);
          }),
        ),
      );
    },
    async sendTick(tick, delayMs) {
      for (const watcher of watchers) watcher(tick, sim.current().name);
      await request("SendMessage ticks", () => accept(ticks, JSON.stringify(tick), wholeSeconds(delayMs)));
    },
    sendPlan: ({ tenant, runId }) =>
      request("SendMessage plans", () => accept(plans, JSON.stringify({ tenant, runId }), 0)),
    sendReport: (ref, delayMs) =>
      request("SendMessage reports", () => accept(reports, JSON.stringify(ref), wholeSeconds(delayMs))),
    visibleOffers: (name) => request(`GetQueueAttributes pool-${name}`, () => pool(name).visible()),
    ping: () => request("GetQueueAttributes ticks", () => undefined),
  };
  const sendDelivery = (hint: DeliveryHint, delayMs = 0) =>
    request("SendMessage plans", () =>
      accept(plans, JSON.stringify({ kind: "delivery", ...hint }), wholeSeconds(delayMs)),
    );
  return { queues, ticks, plans, reports, sendDelivery, pool, watchTicks: (watcher) => void watchers.push(watcher) };
}

/** As SQS takes a delay. */
const wholeSeconds = (delayMs: number): number =>
  Math.ceil(Math.min(QUEUE_DELAY_MAX_MS, Math.max(0, delayMs)) / SECOND_MS) * SECOND_MS;
