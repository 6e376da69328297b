import { leaseDeadline } from "../../runner/lease-deadline.ts";
import type { Context } from "./world.ts";

/** How much slower than true time a runner's clock may run. */
const CLOCK_RATE_RATIO = 1.1;

/**
 * When, in true time and at the latest, the watchdog's SIGKILL has ended an attempt's processes: a slow clock, and
 * steps that ignore SIGTERM. Counts from when the renewal was sent; killing begins at the deadline, and half of what is
 * then left of the lease is a grace time (runner/watchdog/watchdog.ts). Rounded up to the world's clock.
 */
export function fencedBy({ world, rules }: Context, sentAtMs: number, ttlMs: number): number {
  const { killAtMs, expiresAtMs } = leaseDeadline({ sentAtMs, ttlMs, hardDeadlineAtMs: Number.POSITIVE_INFINITY });
  const lastLocalMs = rules.watchdogMargin ? (killAtMs + expiresAtMs) / 2 : expiresAtMs;
  const longestMs = (lastLocalMs - sentAtMs) * CLOCK_RATE_RATIO;
  const unitMs = world.unitMs ?? 1;
  return sentAtMs + Math.ceil(longestMs / unitMs) * unitMs;
}
