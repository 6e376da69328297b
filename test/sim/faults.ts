import { LEASE_TTL_MS } from "../../shared/domain/limits.ts";
import { oneOf, wholeOf } from "./engine/dice.ts";
import type { Simulation } from "./engine/simulation.ts";

/** What goes wrong in one world, when, and how often: drawn from its seed, and replayed in part to find what matters. */

/** Chances of one operation, in a world of full intensity. */
const CHANCES = {
  "table throttles": 0.03,
  "table fails before the write": 0.02,
  "table loses the reply": 0.03,
  "table is slow": 0.02,
  "queue refuses": 0.03,
  "queue loses the message": 0.04,
  "queue doubles the message": 0.06,
  "queue delays the message": 0.05,
  "queue loses the received": 0.02,
  "queue loses the deletion": 0.05,
  "network loses the request": 0.03,
  "network loses the reply": 0.04,
  "network doubles the request": 0.04,
  "network delays the request": 0.03,
  "network delays the reply": 0.03,
  "network resets": 0.03,
  "gateway answers 503": 0.02,
  "lambda is killed": 0.02,
  "bucket refuses": 0.05,
  "bucket loses the reply": 0.05,
  "source cannot be read": 0.2,
} as const;
export type ChanceFault = keyof typeof CHANCES;

/**
 * Faults that must cost nobody an attempt: requests to the table are sent again, an offer is a hint, and a product that
 * cannot be stored is a loss that is told.
 */
const HARMLESS: ReadonlySet<ChanceFault | EventFault> = new Set<ChanceFault | EventFault>([
  "table throttles",
  "table fails before the write",
  "table loses the reply",
  "queue refuses",
  "queue loses the message",
  "queue doubles the message",
  "queue delays the message",
  "queue loses the received",
  "queue loses the deletion",
  "bucket refuses",
  "bucket loses the reply",
  "runner is nudged",
  "network resets",
  "gateway answers 503",
]);

/** Whether no fault has struck so far that an attempt may be lost to. Without what it needs of others it is given back. */
export function allHarmless(struck: readonly string[]): boolean {
  return struck.every((fault) => {
    const kind = fault.slice(0, fault.indexOf(":")) as ChanceFault | EventFault;
    return HARMLESS.has(kind) && !fault.includes(": GET artifacts/");
  });
}

/** What happens to a host or a process at a moment. */
const EVENTS = [
  "runner is killed",
  "runner is paused",
  "runner drains",
  "host is suspended",
  "host is lost",
  "watchdog is killed",
  "host is cut off",
  "bucket is down",
  "runner is nudged",
] as const;
export type EventFault = (typeof EVENTS)[number];

export interface Happening {
  readonly id: string;
  readonly kind: EventFault;
  readonly host: number;
  readonly atMs: number;
  readonly lastsMs: number;
}

export interface Faults {
  /** Whether this fault strikes this operation; the name must be the operation's own. */
  strikes(kind: ChanceFault, operation: string): boolean;
  /** What is to happen to hosts, in order of time. */
  readonly happenings: readonly Happening[];
  /** From then on nothing goes wrong any more. */
  readonly healAtMs: number;
  /** Every fault that struck, in order. */
  readonly struck: readonly string[];
  note(happening: Happening): void;
}

const HEAL_MS_MIN = 30_000;
const HEAL_MS_MAX = 240_000;
const HAPPENINGS_MAX = 6;
/** How long a pause, a suspension or an outage lasts at most: well past a lease. */
const LASTS_MS_MAX = 120_000;
const OUTLASTS_LEASE_MS = LEASE_TTL_MS + 5_000;
const STRAINED_CHANCE = 0.3;
/** Worlds in which nothing goes wrong: what breaks there breaks without a fault. */
const CALM_SHARE = 0.1;
/** Worlds in which only what must cost nobody an attempt goes wrong. */
const HARMLESS_SHARE = 0.2;
/** How likely a kind of fault is there at all in a world: few kinds at a time meet in more ways. */
const KIND_SHARE = 0.5;

export interface DrawFaults {
  readonly sim: Simulation;
  readonly hosts: number;
  /** Leases are under strain (see `strained` in simulate.ts): contact is lost, and answers come late. */
  readonly strained: boolean;
  /** Exactly these happen. */
  readonly only?: ReadonlySet<string> | undefined;
}

/** Draws the faults of a seed. */
export function drawFaults({ sim, hosts, strained, only }: DrawFaults): Faults {
  const dice = sim.dice("faults");
  const mood = strained ? 1 : dice();
  const calm = mood < CALM_SHARE;
  const allowed = (kind: ChanceFault | EventFault) => mood > CALM_SHARE + HARMLESS_SHARE || HARMLESS.has(kind);
  const intensity = calm ? 0 : oneOf(dice, [0.3, 1, 1, 2, 4]);
  const healAtMs = calm ? 0 : wholeOf(dice, HEAL_MS_MIN, HEAL_MS_MAX);
  const all = Object.entries(CHANCES) as [ChanceFault, number][];
  const kinds = all.filter(([kind]) => dice() < KIND_SHARE && allowed(kind));
  const chances = new Map(kinds.map(([kind, chance]) => [kind, chance * intensity]));
  if (strained) chances.set("network delays the reply", STRAINED_CHANCE);
  const happenings = calm ? [] : drawHappenings(sim, hosts, healAtMs, strained ? isStrain : allowed);
  const struck: string[] = [];
  const strike = (id: string) => {
    struck.push(id);
    sim.tell(() => `FAULT ${id}`);
    return true;
  };
  return {
    healAtMs,
    happenings: only === undefined ? happenings : happenings.filter(({ id }) => only.has(id)),
    struck,
    strikes(kind, operation) {
      const chance = chances.get(kind);
      if (chance === undefined || sim.nowMs() >= healAtMs) return false;
      const id = `${kind}: ${operation}`;
      if (only !== undefined) return only.has(id) && strike(id);
      return sim.dice(id)() < chance && strike(id);
    },
    note: ({ id }) => void strike(id),
  };
}

const isStrain = (kind: EventFault) => kind === "host is cut off" || kind === "runner is paused";

function drawHappenings(
  sim: Simulation,
  hosts: number,
  healAtMs: number,
  allowed: (kind: EventFault) => boolean,
): Happening[] {
  const dice = sim.dice("happenings");
  const kinds = EVENTS.filter((kind) => (dice() < KIND_SHARE || allowed === isStrain) && allowed(kind));
  const [first, ...rest] = kinds;
  if (first === undefined) return [];
  return Array.from({ length: wholeOf(dice, 0, HAPPENINGS_MAX) }, (_, at) => {
    const kind = oneOf(dice, [first, ...rest]);
    const host = wholeOf(dice, 0, hosts - 1);
    const atMs = dice() * healAtMs;
    // Most land early, while there is something to break.
    const early = dice() < 0.7 ? atMs * 0.2 : atMs;
    // Half of them outlive a lease.
    const wantedMs = dice() < 0.5 ? dice() * LASTS_MS_MAX : OUTLASTS_LEASE_MS + dice() * LEASE_TTL_MS;
    const lastsMs = Math.min(wantedMs, healAtMs - early);
    return { id: `${kind}: happening ${at}, host ${host}`, kind, host, atMs: early, lastsMs };
  }).sort((a, b) => a.atMs - b.atMs);
}
