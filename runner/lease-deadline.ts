import { SELF_FENCE_MARGIN_MS } from "../shared/domain/limits.ts";
import type { Deadline } from "./watchdog/protocol.ts";

/** What part of a short lease the margin may take at most. */
const MARGIN_SHARE_MAX = 0.25;

/**
 * When the steps of a renewed lease must be gone. Counted from when the renewal was *sent*, the pessimistic side: the
 * server counted from a later moment. The margin is room for clock rates and for killing. All on the boot clock.
 */
export function leaseDeadline(renewal: {
  readonly sentAtMs: number;
  readonly ttlMs: number;
  readonly hardDeadlineAtMs: number;
}): Deadline {
  const expiresAtMs = Math.min(renewal.sentAtMs + renewal.ttlMs, renewal.hardDeadlineAtMs);
  const marginMs = Math.min(SELF_FENCE_MARGIN_MS, renewal.ttlMs * MARGIN_SHARE_MAX);
  return { killAtMs: expiresAtMs - marginMs, expiresAtMs };
}
