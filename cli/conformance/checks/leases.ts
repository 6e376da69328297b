import { type Answer, mustAccept, mustRefuse } from "../answer.ts";
import { type Bench, type Held, LEASE_ROUTES, type LeaseRoute } from "../bench.ts";
import { type Check, must } from "../check.ts";
import { mustNotChange } from "./unchanged.ts";

/** Leases: stale fences, late words, repeats, and a lease that really runs out. */

/** A released attempt that says again that it is gone may be acknowledged again: nothing follows from it. */
const SAYS_GONE: readonly LeaseRoute[] = ["release", "cancelAck"];
const EXPIRY_SLACK_MS = 45_000;

export const leaseChecks: readonly Check[] = [
  {
    id: "lease.stale-fence",
    proves: "every lease call of an attempt whose job was granted again is refused and changes nothing",
    invariants: [2, 18],
    async run(bench) {
      const { old, current } = await grantedAgain(bench);
      await mustNotChange(bench, old.run, async () => {
        for (const route of LEASE_ROUTES) mustBeStale(route, await bench.onLease(route, old));
      });
      mustAccept("the living attempt's completion", await bench.complete(current, "succeeded"));
      const { result } = await bench.job(old.run);
      must(result?.fence === current.fence, `the result is of fence ${result?.fence}, not ${current.fence}`);
    },
  },
  {
    id: "lease.before-ack",
    proves: "nothing counts before the first renewal",
    invariants: [10],
    async run(bench) {
      const held = await bench.hold(await bench.newRun());
      await mustNotChange(bench, held.run, async () => {
        mustRefuse("a heartbeat before the acknowledgement", await bench.onLease("heartbeat", held), "conflict");
        mustRefuse("a completion before the acknowledgement", await bench.complete(held, "succeeded"), "conflict");
      });
    },
  },
  {
    id: "lease.after-end",
    proves: "heartbeats, uploads and inputs after the end are refused",
    invariants: [3, 18],
    async run(bench) {
      const held = await bench.running();
      mustAccept("the completion", await bench.complete(held, "succeeded"));
      await mustNotChange(bench, held.run, async () => {
        for (const route of ["ack", "heartbeat", "uploads", "inputs"] as const)
          mustRefuse(`${route} after the end`, await bench.onLease(route, held), "stale_lease");
      });
    },
  },
  {
    id: "complete.repeat",
    proves: "a completion that is repeated, also with another outcome, leaves the first result as it is",
    invariants: [3, 6],
    async run(bench) {
      const held = await bench.running();
      mustAccept("the completion", await bench.complete(held, "succeeded"));
      await mustNotChange(bench, held.run, async () => {
        mustAccept("the repeat", await bench.complete(held, "succeeded"));
        await Promise.all([
          bench.complete(held, "failed"),
          bench.complete(held, "timed_out"),
          bench.onLease("release", held),
        ]);
      });
      const run = await bench.runEnds(held.run);
      must(run.state === "succeeded", `the run is ${run.state}`);
    },
  },
  {
    id: "complete.race",
    proves: "of different last words at once exactly one is the result",
    invariants: [3, 9],
    async run(bench) {
      const held = await bench.running();
      const outcomes = ["succeeded", "failed", "timed_out"] as const;
      const answers = await Promise.all([...outcomes, ...outcomes].map((outcome) => bench.complete(held, outcome)));
      must(
        answers.some(({ kind }) => kind === "accepted"),
        "no last word was accepted",
      );
      const { state, result, attempts } = await bench.job(held.run);
      must((outcomes as readonly string[]).includes(state), `the job is ${state}`);
      must(result?.fence === held.fence && result.outcome === state, `the result says ${JSON.stringify(result)}`);
      must(attempts.length === 1 && attempts[0]?.end?.outcome === state, "the attempt's end and the result differ");
      const told = answers.flatMap((answer) => (answer.kind === "accepted" ? [answer.reply.state] : []));
      must(
        told.every((one) => one === state),
        `callers were told ${[...new Set(told)].join(" and ")}`,
      );
    },
  },
  {
    id: "lease.expiry",
    proves: "a lease that ran out cannot be revived, its late result is refused, and the job is granted again",
    invariants: [2, 5, 9],
    slow: true,
    async run(bench) {
      const held = await bench.running();
      const ttlMs = held.grant.ttlMs;
      await bench.jobBecomes(
        held.run,
        "taken from its silent holder",
        (job) => job.state !== "running",
        ttlMs + EXPIRY_SLACK_MS,
      );
      await mustNotChange(bench, held.run, async () => {
        for (const route of ["heartbeat", "uploads", "complete"] as const)
          mustRefuse(`${route} after the lease ran out`, await bench.onLease(route, held), "stale_lease");
      });
      const next = await bench.hold(held.run, held.fence);
      must(next.fence === held.fence + 1, `the next grant has fence ${next.fence}`);
      mustRefuse("a late completion of the old attempt", await bench.complete(held, "failed"), "stale_lease");
      mustAccept("the acknowledgement", await bench.onLease("ack", next));
      mustAccept("the completion", await bench.complete(next, "succeeded"));
      const { attempts } = await bench.job(held.run);
      must(attempts[0]?.end?.outcome === "lost", "the expired attempt is not recorded as lost");
    },
  },
];

/** A job whose first attempt was given back and whose second runs. */
export async function grantedAgain(bench: Bench): Promise<{ readonly old: Held; readonly current: Held }> {
  const old = await bench.running();
  mustAccept("the release", await bench.onLease("release", old));
  const current = await bench.hold(old.run, old.fence);
  must(current.fence > old.fence, `the fence did not grow: ${old.fence}, then ${current.fence}`);
  mustAccept("the acknowledgement", await bench.onLease("ack", current));
  return { old, current };
}

function mustBeStale(route: LeaseRoute, answer: Answer<unknown>): void {
  if (answer.kind === "accepted" && SAYS_GONE.includes(route)) return;
  mustRefuse(`${route} of the stale attempt`, answer, "stale_lease");
}
