import type { Simulation } from "../engine/simulation.ts";

/** One SQS standard queue: at least once, in no order, each receive hides a message for a while. */
export interface SimQueue {
  readonly name: string;
  send(body: string, delayMs: number): void;
  /** Takes up to `max` of those that are visible now and hides them. */
  receive(max: number): SimMessage[];
  /** The receipt of an older receive deletes too, as SQS mostly allows. Answers what was deleted. */
  remove(receipt: string): SimMessage | undefined;
  hide(receipt: string, forMs: number): void;
  visible(): number;
  readonly size: number;
  /** Called once, when a message is visible (also where one is already, in a moment). */
  whenVisible(call: () => void): () => void;
}

export interface SimMessage {
  readonly id: string;
  readonly body: string;
  readonly receipt: string;
  readonly receives: number;
}

interface Stored {
  readonly id: string;
  readonly body: string;
  readonly sentAtMs: number;
  visibleAtMs: number;
  receives: number;
}

export interface QueueSettings {
  readonly visibilityMs: number;
  readonly retentionMs: number;
}

export function makeSimQueue(sim: Simulation, name: string, settings: QueueSettings): SimQueue {
  const messages = new Map<string, Stored>();
  const dice = sim.dice(`queue ${name}`);
  let waiting: (() => void)[] = [];
  let sent = 0;

  const isVisible = (message: Stored) => message.visibleAtMs <= sim.nowMs();

  function expire(): void {
    for (const [id, { sentAtMs }] of messages) if (sentAtMs + settings.retentionMs < sim.nowMs()) messages.delete(id);
  }

  function showAt(message: Stored, atMs: number): void {
    message.visibleAtMs = atMs;
    sim.world(atMs - sim.nowMs(), `queue ${name} shows`, () => {
      if (!messages.has(message.id) || !isVisible(message)) return;
      const told = waiting;
      waiting = [];
      for (const call of told) call();
    });
  }

  const idOf = (receipt: string) => receipt.split("/")[0] ?? "";

  return {
    name,
    send(body, delayMs) {
      sent += 1;
      const message = { id: `${name}-${sent}`, body, sentAtMs: sim.nowMs(), visibleAtMs: 0, receives: 0 };
      messages.set(message.id, message);
      showAt(message, sim.nowMs() + delayMs);
    },
    receive(max) {
      expire();
      const taken: SimMessage[] = [];
      const there = [...messages.values()].filter(isVisible);
      while (taken.length < max && there.length > 0) {
        const [message] = there.splice(Math.floor(dice() * there.length), 1);
        if (message === undefined) break;
        message.receives += 1;
        showAt(message, sim.nowMs() + settings.visibilityMs);
        const { id, body, receives } = message;
        taken.push({ id, body, receives, receipt: `${id}/${receives}` });
      }
      return taken;
    },
    remove(receipt) {
      const message = messages.get(idOf(receipt));
      if (message === undefined) return undefined;
      messages.delete(message.id);
      return { ...message, receipt };
    },
    hide(receipt, forMs) {
      const message = messages.get(idOf(receipt));
      if (message !== undefined) showAt(message, sim.nowMs() + forMs);
    },
    visible() {
      expire();
      let count = 0;
      for (const message of messages.values()) if (isVisible(message)) count += 1;
      return count;
    },
    get size() {
      expire();
      return messages.size;
    },
    whenVisible(call) {
      let calling = true;
      const once = () => {
        if (!calling) return;
        calling = false;
        call();
      };
      if ([...messages.values()].some(isVisible)) sim.world(0, `queue ${name} shows`, once);
      else waiting.push(once);
      return () => {
        calling = false;
      };
    },
  };
}
