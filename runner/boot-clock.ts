import { uptime } from "node:os";
import { type Clock, systemClock } from "../shared/lib/clock.ts";

/**
 * The clock of leases and deadlines: milliseconds since the host booted, in which a suspended laptop's sleep counts.
 * `performance.now` stands still meanwhile, so that a lease which ran out during the sleep would look alive.
 * Runner and watchdog read the same clock, so a moment may travel between them. On Linux it is /proc/uptime, which is
 * CLOCK_BOOTTIME in steps of 10 ms, rounded down.
 */
export const bootClock: Clock = {
  nowMs: systemClock.nowMs,
  monotonicMs: () => uptime() * 1_000,
};
