import { setTimeout as wait } from "node:timers/promises";
import { backoffMs } from "../../shared/lib/retry.ts";
import type { ReleaseCall } from "./protocol.ts";

/** Tries to give a lease back before it is left to expire. */
const RELEASE_POLICY = { triesMax: 6, baseMs: 200, capMs: 4_000 } as const;
const RELEASE_TIMEOUT_MS = 3_000;

export type ReleaseReason = "runner_lost" | "deadline_passed";

/**
 * Gives a lease back whose processes are gone, so that the job is free in seconds rather than when the lease expires.
 * Any answer below 500 is the last word: a stale lease is none of ours. True where the control plane answered.
 * Not the typed client, which costs 40 MB of schemas in every watchdog for this one call.
 */
export async function releaseLease(release: ReleaseCall, reason: ReleaseReason): Promise<boolean> {
  for (let attempt = 1; attempt <= RELEASE_POLICY.triesMax; attempt += 1) {
    if (await answered(release, reason)) return true;
    await wait(backoffMs(RELEASE_POLICY, attempt));
  }
  return false;
}

async function answered({ url, token }: ReleaseCall, reason: ReleaseReason): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ reason }),
      signal: AbortSignal.timeout(RELEASE_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.status < 500;
  } catch (error) {
    // No answer is the expected failure here: the runner may have died with the network.
    if (error instanceof TypeError || error instanceof DOMException) return false;
    throw error;
  }
}
