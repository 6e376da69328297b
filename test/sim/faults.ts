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
  "forge answers 5xx": 0.04,
  "forge hangs": 0.02,
  "forge resets": 0.03,
  "forge loses the reply": 0.03,
  "forge limits the rate": 0.01,
  "forge limits secondarily": 0.03,
  "forge replica lags": 0.15,
  "webhook is lost": 0.2,
  "webhook is doubled": 0.06,
  "webhook is delayed": 0.06,
} as const;
export type ChanceFault = keyof typeof CHANCES;

/**
 * Faults that must cost nobody an attempt: requests to the table are sent again, an offer is a hint, and a product that
 * cannot be stored is a loss that is told.
 */
const HARMLESS: ReadonlySet<ChanceFault | EventFault> = new Set<ChanceFault | EventFault>([
  "forge answers 5xx",
  "forge hangs",
  "forge resets",
  "forge loses the reply",
  "forge limits the rate",
  "forge limits secondarily",
  "forge replica lags",
  "forge is down",
  "forge refuses the credentials",
  "repository is renamed",
  "webhook is lost",
  "webhook is doubled",
  "webhook is delayed",
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
/** What happens to a forge at a moment. */
const FORGE_EVENTS = ["forge is down", "forge refuses the credentials", "repository is renamed"] as const;
type HostFault = (typeof EVENTS)[number];
type ForgeFault = (typeof FORGE_EVENTS)[number];
export type EventFault = HostFault | ForgeFault;

export interface Happening {
  readonly id: string;
  readonly kind: HostFault;
  readonly host: number;
  readonly atMs: number;
  readonly lastsMs: number;
}
export type ForgeHappening = Pick<Happening, "id" | "atMs" | "lastsMs"> & { readonly kind: ForgeFault };

export interface Faults {
  /** Whether this fault strikes this operation; the name must be the operation's own. */
  strikes(kind: ChanceFault, operation: string): boolean;
  /** What is to happen to hosts, in order of time. */
  readonly happenings: readonly Happening[];
  readonly forgeHappenings: readonly ForgeHappening[];
  /** From then on nothing goes wrong any more. */
  readonly healAtMs: number;
  /** Every fault that struck, in order. */
  readonly struck: readonly string[];
  note(happening: Pick<Happening, "id">): void;
}

const HEAL_MS_MIN = 30_000;
const HEAL_MS_MAX = 240_000;
const HAPPENINGS_MAX = 6;
/** Where there is a forge, there is more to go wrong, and slower. */
const FORGE_LASTS = 4;
const FORGE_HAPPENINGS_MAX = 3;
const FORGE_EVENT_MS_MAX = 360_000;
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
  readonly hasForge: boolean;
  /** Exactly these happen. */
  readonly only?: ReadonlySet<string> | undefined;
}

/** Draws the faults of a seed. */
export function drawFaults({ sim, hosts, strained, hasForge, only }: DrawFaults): Faults {
  const dice = sim.dice("faults");
  const mood = strained ? 1 : dice();
  const calm = mood < CALM_SHARE;
  const allowed = (kind: ChanceFault | EventFault) => mood > CALM_SHARE + HARMLESS_SHARE || HARMLESS.has(kind);
  const intensity = calm ? 0 : oneOf(dice, [0.3, 1, 1, 2, 4]);
  const healAtMs = calm ? 0 : wholeOf(dice, HEAL_MS_MIN, HEAL_MS_MAX) * (hasForge ? FORGE_LASTS : 1);
  const all = Object.entries(CHANCES) as [ChanceFault, number][];
  const kinds = all.filter(([kind]) => dice() < KIND_SHARE && allowed(kind));
  const chances = new Map(kinds.map(([kind, chance]) => [kind, chance * intensity]));
  if (strained) chances.set("network delays the reply", STRAINED_CHANCE);
  const happenings = calm ? [] : drawHappenings(sim, hosts, healAtMs, strained ? isStrain : allowed);
  const forgeHappenings = calm || !hasForge ? [] : drawForgeHappenings(sim, healAtMs);
  const struck: string[] = [];
  const strike = (id: string) => {
    struck.push(id);
    sim.tell(() => `FAULT ${id}`);
    return true;
  };
  return {
    healAtMs,
    happenings: only === undefined ? happenings : happenings.filter(({ id }) => only.has(id)),
    forgeHappenings: only === undefined ? forgeHappenings : forgeHappenings.filter(({ id }) => only.has(id)),
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

function drawForgeHappenings(sim: Simulation, healAtMs: number): ForgeHappening[] {
  const dice = sim.dice("happenings of the forge");
  return Array.from({ length: wholeOf(dice, 0, FORGE_HAPPENINGS_MAX) }, (_, at) => {
    const kind = oneOf(dice, FORGE_EVENTS);
    const atMs = dice() * healAtMs;
    const lastsMs = Math.min(dice() * FORGE_EVENT_MS_MAX, healAtMs - atMs);
    return { id: `${kind}: happening ${at}`, kind, atMs, lastsMs };
  }).sort((a, b) => a.atMs - b.atMs);
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
