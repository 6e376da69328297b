import { wholeOf } from "../engine/dice.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { ChanceFault, Faults } from "../faults.ts";
import type { Request } from "./sim-store.ts";

/** Requests of a process to the services that it stands on, with what may become of them on the way. */

const ONE_WAY_MS = [1, 6] as const;
const SLOW_MS = [200, 4_000] as const;

export interface FaultsOfService {
  readonly refuses: ChanceFault;
  readonly failsBefore: ChanceFault | undefined;
  readonly losesReply: ChanceFault | undefined;
  readonly slow: ChanceFault | undefined;
}

export const TABLE_FAULTS: FaultsOfService = {
  refuses: "table throttles",
  failsBefore: "table fails before the write",
  losesReply: "table loses the reply",
  slow: "table is slow",
};
export const QUEUE_FAULTS: FaultsOfService = {
  refuses: "queue refuses",
  failsBefore: undefined,
  losesReply: undefined,
  slow: undefined,
};

/** What SDK clients throw, as shared/store/dynamo-retry.ts knows it. */
function sdkError(name: string, code?: string): Error {
  const error = new Error(`injected: ${code ?? name}`);
  error.name = name;
  return code === undefined ? error : Object.assign(error, { code });
}

/** The way to a service from whoever acts when a request is made. The effect is one moment of true time. */
export function makeRequests(sim: Simulation, faults: Faults, kinds: FaultsOfService): Request {
  return <T>(operation: string, effect: () => T): Promise<T> => {
    const actor = sim.current();
    const name = sim.numbered(`${operation} by ${actor.name}`);
    const dice = sim.dice(name);
    const strikes = (kind: ChanceFault | undefined) => kind !== undefined && faults.strikes(kind, name);
    const [least, most] = strikes(kinds.slow) ? SLOW_MS : ONE_WAY_MS;
    const way = () => wholeOf(dice, least * 8, most * 8) / 8;
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void) => void sim.at(actor, way(), name, settle);
      if (strikes(kinds.refuses)) return answer(() => reject(sdkError("ThrottlingException")));
      if (strikes(kinds.failsBefore)) return answer(() => reject(sdkError("Error", "ECONNREFUSED")));
      sim.world(way(), name, () => {
        let made: { readonly value: T } | { readonly error: unknown };
        try {
          made = { value: effect() };
        } catch (error) {
          made = { error };
        }
        if (strikes(kinds.losesReply)) answer(() => reject(sdkError("TimeoutError", "ECONNRESET")));
        else if ("value" in made) answer(() => resolve(made.value));
        else answer(() => reject(made.error));
      });
    });
  };
}
