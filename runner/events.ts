/**
 * How an attempt ended for its runner. `stopped`: on the control plane's word. `released`: given back. `broken`: by this
 * host, and given back if it could be (a full disk, a process that cannot be started, a call that is refused as such). `stale` and
 * `fenced`: the lease was lost. `unanswered`: the control plane never took the last word. `unclean`: a process could not
 * be ended, so nothing was said and the lease runs out.
 */
export type AttemptEnd =
  | "succeeded"
  | "failed"
  | "timed_out"
  | "stopped"
  | "released"
  | "broken"
  | "stale"
  | "fenced"
  | "unanswered"
  | "unclean";

/** What a runner tells its operator, one line each. */
export type RunnerEvent =
  | { readonly type: "ready"; readonly runnerId: string; readonly pools: readonly string[]; readonly slots: number }
  | { readonly type: "unreachable"; readonly what: string; readonly message: string }
  | { readonly type: "reachable"; readonly what: string }
  | { readonly type: "bad_offer"; readonly pool: string; readonly message: string }
  | { readonly type: "claim_refused"; readonly run: string; readonly job: string; readonly code: string }
  | { readonly type: "attempt_started"; readonly run: string; readonly job: string; readonly fence: number }
  | {
      readonly type: "attempt_ended";
      readonly run: string;
      readonly job: string;
      readonly fence: number;
      readonly end: AttemptEnd;
      readonly tookMs: number;
    }
  | { readonly type: "trouble"; readonly message: string; readonly run?: string; readonly job?: string }
  /** This host breaks attempts: it claims none for so long. `failures`: in a row. */
  | { readonly type: "backing_off"; readonly failures: number; readonly ms: number }
  /** EC2 takes this instance away. */
  | { readonly type: "interruption"; readonly action: string; readonly inMs: number }
  | { readonly type: "leftovers_removed"; readonly count: number }
  | { readonly type: "draining"; readonly reason: string; readonly running: number }
  | { readonly type: "stopped" };

export type Emit = (event: RunnerEvent) => void;

/** The event as a short line for people. */
export function describeEvent(event: RunnerEvent): string {
  switch (event.type) {
    case "ready":
      return `runner ${event.runnerId} waits for jobs of ${event.pools.join(", ")} with ${slots(event.slots)}`;
    case "unreachable":
      return `${event.what} cannot be used: ${event.message}; tries go on, ever later, up to 10 s apart`;
    case "reachable":
      return `${event.what} answers again`;
    case "bad_offer":
      return `an offer of pool ${event.pool} was no offer, deleted: ${event.message}`;
    case "claim_refused":
      return `${event.run}/${event.job}: not ours (${event.code})`;
    case "attempt_started":
      return `${event.run}/${event.job}: attempt ${event.fence}`;
    case "attempt_ended":
      return `${event.run}/${event.job}: attempt ${event.fence} ${event.end} after ${(event.tookMs / 1_000).toFixed(1)} s`;
    case "trouble":
      return event.run === undefined ? event.message : `${event.run}/${event.job}: ${event.message}`;
    case "backing_off":
      return `this host broke ${event.failures} attempt(s) in a row; it claims none for ${Math.ceil(event.ms / 1_000)} s`;
    case "interruption":
      return `EC2 will ${event.action} this instance in ${Math.ceil(event.inMs / 1_000)} s`;
    case "leftovers_removed":
      return `removed what ${event.count} ended runner(s) left behind`;
    case "draining":
      return `draining (${event.reason}): ${event.running} attempt(s) running`;
    case "stopped":
      return "stopped";
  }
}

function slots(count: number): string {
  return count === 1 ? "1 slot" : `${count} slots`;
}
