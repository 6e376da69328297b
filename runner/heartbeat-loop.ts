import type { Clock } from "../shared/lib/clock.ts";
import type { HeartbeatAck } from "../shared/protocol/leases.ts";
import { isPassing, isStale } from "./lease-calls.ts";
import type { Nudge } from "./nudge.ts";
import { jittered, wait } from "./wait.ts";

/** After a beat without an answer the next follows sooner: the lease runs out meanwhile. */
const HURRY_SHARE = 0.2;
const BEAT_TIMEOUT_MAX_MS = 5_000;

export interface Beating {
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly nudge: Nudge;
  beat(options: { timeoutMs: number; signal: AbortSignal }): Promise<HeartbeatAck>;
  /** `sentAtMs`: from when the renewal counts. */
  onAck(ack: HeartbeatAck, sentAtMs: number): void;
  onStale(): void;
}

/**
 * Renews a lease until the signal, or until it is stale. It never decides that a lease ran out: the watchdog does, which
 * also lives when this loop hangs.
 */
export async function heartbeatLoop(beating: Beating, signal: AbortSignal): Promise<void> {
  let pauseMs = jittered(beating.heartbeatMs);
  for (;;) {
    await wait(pauseMs, AbortSignal.any([signal, beating.nudge.next()]));
    if (signal.aborted) return;
    const kind = await beatOnce(beating, signal);
    if (kind === "stale") return beating.onStale();
    pauseMs = jittered(kind === "renewed" ? beating.heartbeatMs : beating.heartbeatMs * HURRY_SHARE);
  }
}

async function beatOnce(beating: Beating, signal: AbortSignal): Promise<"renewed" | "unanswered" | "stale"> {
  const sentAtMs = beating.clock.monotonicMs();
  try {
    const timeoutMs = Math.min(BEAT_TIMEOUT_MAX_MS, beating.heartbeatMs);
    beating.onAck(await beating.beat({ timeoutMs, signal }), sentAtMs);
    return "renewed";
  } catch (error) {
    if (isStale(error)) return "stale";
    if (isPassing(error)) return "unanswered";
    throw error;
  }
}
