import type { CallOptions } from "../shared/protocol/client.ts";
import type { Attempt } from "./attempt-state.ts";
import { persist } from "./lease-calls.ts";

/** Heartbeats begin after it, so all of it must fit into a lease that was just renewed. */
const ASKING_MS = 10_000;
const CALL_MS = 5_000;

/**
 * Asks the control plane for what must be known before the log is opened, since the log masks it. What the network loses
 * is thrown as it is: the attempt is given back for it.
 */
export async function askEarly<T>(
  { deps, held, interruptions }: Attempt,
  call: (options: CallOptions) => Promise<T>,
): Promise<T> {
  const untilMs = Math.min(deps.clock.monotonicMs() + ASKING_MS, held.deadline.killAtMs);
  const limits = { untilMs, clock: deps.clock, signal: interruptions.uploads };
  const answer = await persist(() => call({ timeoutMs: CALL_MS }), limits);
  if (answer.kind === "ok") return answer.reply;
  throw answer.kind === "gave_up" ? answer.cause : new Error("the lease is not ours any more");
}
