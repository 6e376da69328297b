import { type Actor, type ClockError, EXACT, makeActorClock } from "./actor.ts";
import { type Dice, diceOf, hashText, mixed } from "./dice.ts";
import { makeEventQueue, type Timed } from "./event-queue.ts";
import { enterActor, realHost } from "./host.ts";
import type { Internet } from "./host-http.ts";

/** One seeded world: virtual time, its actors, and the one scheduler that lets them act. */
export interface Simulation {
  readonly seed: number;
  /** True time, in milliseconds since the world began. */
  nowMs(): number;
  /** Whoever acts at this moment. Throws where nobody does. */
  current(): Actor;
  /** A stream of randomness of its own for each name. */
  dice(name: string): Dice;
  /** The name with a number behind it that no other has. */
  numbered(name: string): string;
  spawn(name: string, clock?: ClockError): Actor;
  /** Runs the actor's own code, at once and as far as it gets without waiting. */
  act(actor: Actor, call: () => void): void;
  /** Reaches the actor after a true delay: never, if it is dead by then; later, if it is paused. */
  at(actor: Actor, delayMs: number, label: string, deliver: () => void): SimTimer;
  /** As `at`, for what runs no code of an actor: the world's own bookkeeping. */
  world(delayMs: number, label: string, deliver: () => void): SimTimer;
  kill(actor: Actor, why: string): void;
  pause(actor: Actor): void;
  wake(actor: Actor): void;
  /** A line for the story, and for the trace. */
  tell(line: () => string): void;
  /** Runs until `done` answers true, nothing is left to happen, or a limit is reached; throws what a check threw. */
  run(limits: { readonly untilMs: number; readonly eventsMax: number; readonly done: () => boolean }): Promise<RunEnd>;
  /** Stops with this error at the end of the event that finds it. */
  fail(error: unknown): void;
  /** What the actors reach by `node:http`, once a world has it. */
  internet: Internet | undefined;
  /** Of everything that happened so far, in order. */
  traceHash(): string;
  events(): number;
  readonly story: readonly string[];
}

export type RunEnd = "done" | "nothing left" | "out of time" | "too many events";

export interface SimTimer {
  canceled: boolean;
}

interface Event extends Timed, SimTimer {
  readonly actor: Actor | undefined;
  readonly label: string;
  readonly deliver: () => void;
}

/** Events between two looks at the real event loop. */
const EVENTS_PER_TURN = 2_000;

export function makeSimulation(seed: number, recording: boolean): Simulation {
  const queue = makeEventQueue<Event>();
  const counters = new Map<string, number>();
  const story: string[] = [];
  let nowMs = 0;
  let order = 0;
  let events = 0;
  let hash = mixed(seed);
  let other = mixed(~seed);
  let current: Actor | undefined;
  let failure: { readonly error: unknown } | undefined;

  function note(text: string): void {
    hash = hashText(text, hash);
    other = mixed(other ^ hash ^ Math.floor(nowMs * 16));
  }

  function tell(line: () => string): void {
    if (recording) story.push(`${stamp(nowMs)} ${line()}`);
  }

  function push(actor: Actor | undefined, delayMs: number, label: string, deliver: () => void): Event {
    const event = { atMs: nowMs + Math.max(0, delayMs), order, actor, label, deliver, canceled: false };
    order += 1;
    queue.push(event);
    return event;
  }

  function deliver(event: Event): void {
    if (event.canceled) return;
    nowMs = event.atMs;
    events += 1;
    note(event.label);
    const { actor } = event;
    if (actor === undefined) {
      event.deliver();
      return;
    }
    if (!actor.alive) return;
    if (actor.backlog !== undefined) {
      actor.backlog.push(() => {
        if (!event.canceled) push(actor, 0, event.label, event.deliver);
      });
      return;
    }
    actor.events += 1;
    if (actor.events >= actor.diesAt) kill(actor, "at this very moment");
    else enter(actor, event.deliver);
  }

  function enter(actor: Actor, call: () => void): void {
    current = actor;
    enterActor(host(actor));
    call();
  }

  /** How the timers and randomness of a process reach this world. */
  function host(actor: Actor) {
    return {
      dice: actor.dice,
      fetch: actor.fetch,
      nowMs: actor.clock.nowMs,
      internet: self.internet,
      later: (ownMs: number, call: () => void): SimTimer => at(actor, actor.clock.trueMs(ownMs), actor.name, call),
    };
  }

  function at(actor: Actor, delayMs: number, label: string, call: () => void): Event {
    return push(actor, delayMs, label, call);
  }

  function kill(actor: Actor, why: string): void {
    if (!actor.alive) return;
    actor.alive = false;
    actor.backlog = undefined;
    note(`${actor.name} dies`);
    tell(() => `${actor.name} is killed: ${why}`);
    for (const told of actor.onDeath.splice(0)) told();
  }

  /** One event, then all that its actor does because of it, then the next. */
  function pump(untilMs: number, eventsMax: number, done: () => boolean): Promise<RunEnd> {
    return new Promise((resolve, reject) => {
      let turn = 0;
      const leave = (settle: () => void) => {
        current = undefined;
        enterActor(undefined);
        settle();
      };
      const step = () => {
        try {
          for (;;) {
            if (failure !== undefined) return leave(() => reject(failure?.error));
            if (done()) return leave(() => resolve("done"));
            const event = queue.pop();
            if (event === undefined) return leave(() => resolve("nothing left"));
            if (event.atMs > untilMs) return leave(() => resolve("out of time"));
            if (events >= eventsMax) return leave(() => resolve("too many events"));
            current = undefined;
            enterActor(undefined);
            deliver(event);
            if (current !== undefined) break;
          }
        } catch (error) {
          return leave(() => reject(error));
        }
        turn += 1;
        // A tick that is asked for by a microtask comes when no microtask is left.
        queueMicrotask(turn % EVENTS_PER_TURN === 0 ? breathe : hop);
      };
      const hop = () => realHost.nextTick(step);
      const breathe = () =>
        realHost.nextTick(() => {
          leave(() => undefined);
          realHost.immediate(step);
        });
      step();
    });
  }

  const self: Simulation = {
    seed,
    internet: undefined,
    nowMs: () => nowMs,
    current() {
      if (current === undefined) throw new Error("nobody acts at this moment");
      return current;
    },
    dice: (name) => diceOf(seed, name),
    numbered(name) {
      const count = (counters.get(name) ?? 0) + 1;
      counters.set(name, count);
      return `${name} #${count}`;
    },
    spawn: (name, clock = EXACT) => ({
      name,
      clock: makeActorClock(() => nowMs, clock),
      dice: diceOf(seed, name),
      fetch: undefined,
      alive: true,
      events: 0,
      diesAt: Number.POSITIVE_INFINITY,
      backlog: undefined,
      onDeath: [],
    }),
    act: enter,
    at,
    world: (delayMs, label, call) => push(undefined, delayMs, label, call),
    kill,
    pause(actor) {
      if (actor.alive) actor.backlog ??= [];
    },
    wake(actor) {
      const backlog = actor.backlog ?? [];
      actor.backlog = undefined;
      for (const again of backlog) again();
    },
    tell,
    run: ({ untilMs, eventsMax, done }) => pump(untilMs, eventsMax, done),
    fail(error) {
      failure ??= { error };
    },
    traceHash: () => hash.toString(16).padStart(8, "0") + other.toString(16).padStart(8, "0"),
    events: () => events,
    story,
  };
  return self;
}

function stamp(ms: number): string {
  return `${(ms / 1_000).toFixed(3).padStart(10)}s`;
}
