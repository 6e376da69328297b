import { REFUSALS, type Refusal } from "../../../support/recording-forge/faults.ts";
import { oneOf, wholeOf } from "../../engine/dice.ts";
import type { HttpReply } from "../../engine/host-http.ts";
import type { Simulation } from "../../engine/simulation.ts";
import type { Faults } from "../../faults.ts";
import { FORGE_PROFILE } from "./forge-profile.ts";

/** How a forge refuses what it may answer later: in GitHub's words, since those are what decides. */

const SECOND_MS = 1_000;
const LIMIT_S = [5, 300] as const;

export interface Refusals {
  /** What it answers instead; undefined where it does what it is asked. `mint`: an App asks for a token. */
  refusal(name: string, method: string): HttpReply | undefined;
}

interface State {
  /** For how long nothing is answered but that the limit is reached. */
  readonly limited: { untilMs: number };
  /** Everything fails. */
  readonly isDown: () => boolean;
  readonly areCredentialsRefused: () => boolean;
  readonly nowMs: () => number;
}

export const said = (status: number, message: string, headers: Readonly<Record<string, string>> = {}): HttpReply => ({
  status,
  headers,
  body: JSON.stringify({ message }),
});

/** One of the words that the recording forge refuses with, too. */
export function refused({ status, headers = {}, body }: Refusal): HttpReply {
  return { status, headers, body: typeof body === "string" ? body : JSON.stringify(body ?? {}) };
}

const UNWELL = [REFUSALS.unavailable, REFUSALS.unavailable, REFUSALS.page, REFUSALS.truncated] as const;
function unwellFor(method: string): readonly [Refusal, ...Refusal[]] {
  const isBorne = method === "mint" ? FORGE_PROFILE.pagesForTokens : method === "GET" || FORGE_PROFILE.pagesForChanges;
  return isBorne ? UNWELL : [REFUSALS.unavailable];
}
/** What of the credentials an operator has to mend. */
const UNTRUSTED = {
  mint: [REFUSALS.badCredentials, REFUSALS.permissionsNotGranted, REFUSALS.suspended],
  GET: [REFUSALS.badCredentials, REFUSALS.suspended],
  change: [REFUSALS.badCredentials, REFUSALS.notAccessible, REFUSALS.suspended],
} as const;

export function makeRefusals(sim: Simulation, faults: Faults, state: State): Refusals {
  const { limited } = state;

  function limit(name: string): HttpReply {
    const dice = sim.dice(`limit ${name}`);
    if (limited.untilMs <= sim.nowMs()) limited.untilMs = sim.nowMs() + wholeOf(dice, ...LIMIT_S) * SECOND_MS;
    const restS = Math.ceil((limited.untilMs - sim.nowMs()) / SECOND_MS);
    const resetS = Math.ceil((state.nowMs() + limited.untilMs - sim.nowMs()) / SECOND_MS);
    if (dice() < 0.3) return said(429, "Too many requests", { "retry-after": String(restS) });
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(resetS) };
    return said(403, "API rate limit exceeded for installation ID 5.", headers);
  }

  function limitSecondarily(name: string): HttpReply {
    const dice = sim.dice(`secondary ${name}`);
    const headers = dice() < 0.5 ? { "retry-after": String(wholeOf(dice, 1, 60)) } : {};
    return said(403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", {
      ...headers,
    });
  }

  return {
    refusal(name, method) {
      const dice = sim.dice(`refusal ${name}`);
      if (state.isDown()) return refused(REFUSALS.unavailable);
      if (state.areCredentialsRefused()) {
        const kinds: readonly [Refusal, ...Refusal[]] =
          method === "mint" || method === "GET" ? UNTRUSTED[method] : UNTRUSTED.change;
        return refused(oneOf(dice, kinds));
      }
      if (limited.untilMs > sim.nowMs()) return limit(name);
      if (faults.strikes("forge limits the rate", name)) return limit(name);
      if (method !== "GET" && method !== "mint" && faults.strikes("forge limits secondarily", name))
        return limitSecondarily(name);
      if (faults.strikes("forge answers 5xx", name)) return refused(oneOf(dice, unwellFor(method)));
      return undefined;
    },
  };
}
