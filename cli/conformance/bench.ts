import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { isJobEnded, isRunEnded } from "../../shared/domain/verdict.ts";
import type { Clock } from "../../shared/lib/clock.ts";
import type { CallInput, CallReply, Client } from "../../shared/protocol/client.ts";
import type { LeaseGranted, Session } from "../../shared/protocol/leases.ts";
import type { Completion } from "../../shared/protocol/products.ts";
import type { JobView } from "../../shared/protocol/runs.ts";
import { type Answer, answerOf } from "./answer.ts";
import { Disturbed, Late, Violation } from "./check.ts";
import type { OwnOffers } from "./own-offers.ts";

/** The routes that a lease token authorises. */
export type LeaseRoute = "ack" | "heartbeat" | "uploads" | "inputs" | "complete" | "release" | "cancelAck";

/** An attempt, as its holder knows it. */
export interface Held {
  readonly run: string;
  readonly job: string;
  readonly fence: number;
  readonly token: string;
  readonly grant: LeaseGranted;
}

/** What a check works with: runs of its own, and a runner's side of the protocol that does exactly what it is told. */
export interface Bench {
  readonly client: Client;
  readonly session: Session;
  readonly clock: Clock;
  readonly offers: OwnOffers;
  /** Creates a run of one job, which nobody else is expected to take. */
  newRun(options?: { readonly idempotencyKey?: string; readonly pipeline?: string }): Promise<string>;
  /** Claims as a runner would; any session token may be given. */
  claim(run: string, fence: number, claimId?: string): Promise<Answer<LeaseGranted>>;
  /** Claims a fresh job. Throws `Disturbed` where somebody else has it. */
  hold(run: string, fence?: number): Promise<Held>;
  /** A fresh run, claimed and acknowledged. */
  running(): Promise<Held>;
  /** Calls a route below a lease, by default with its own token and a harmless body. */
  onLease(
    route: LeaseRoute,
    held: Held,
    change?: { readonly token?: string; readonly fence?: number },
  ): Promise<Answer<unknown>>;
  complete(held: Held, outcome: Completion["outcome"]): Promise<Answer<{ state: string }>>;
  job(run: string): Promise<JobView>;
  /** Waits until the job is as asked for; fails the check after `withinMs`. */
  jobBecomes(run: string, what: string, is: (job: JobView) => boolean, withinMs?: number): Promise<JobView>;
  runEnds(run: string): Promise<CallReply<"getRun">["run"]>;
  /** Ends all that the check left behind, as far as it can. */
  tidy(): Promise<void>;
}

export const JOB = "probe";
/** Where a runner takes the job after all, it does nothing. */
const DEFINITION = `pipeline: conformance\njobs:\n  ${JOB}:\n    pool: POOL\n    timeout: 10m\n    retries: {failed: 0, lost: 9}\n    run: "true"\n`;
const LOOK_MS = 100;
const PATIENCE_MS = 20_000;
const EMPTY_LOG: Completion["log"] = {
  bytes: 0,
  lostBytes: 0,
  chunkCount: 0,
  index: { kind: "inline", chunks: [], gaps: [] },
};
const SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export const newClaimId = (): string => randomBytes(18).toString("base64url");

function completionOf(outcome: Completion["outcome"]): Completion {
  return { outcome, exitCode: outcome === "succeeded" ? 0 : 1, log: EMPTY_LOG, artifacts: [], losses: [], checks: [] };
}

const BODIES = {
  ack: undefined,
  heartbeat: { phase: "running", step: 0, logBytes: 0 },
  uploads: {
    files: [
      { kind: "log", seq: 1, bytes: 0, sha256: SHA256_OF_NOTHING },
      { kind: "artifact", name: "artifacts.tar.gz", bytes: 0, sha256: SHA256_OF_NOTHING },
    ],
  },
  inputs: undefined,
  complete: completionOf("succeeded"),
  release: { reason: "drain" },
  cancelAck: {},
} as const satisfies Record<LeaseRoute, unknown>;
export const LEASE_ROUTES = Object.keys(BODIES) as LeaseRoute[];

/** A bench of its own for one check. */
export function makeBench(options: {
  readonly client: Client;
  readonly session: Session;
  readonly clock: Clock;
  readonly pool: string;
  readonly project: string;
  readonly offers: OwnOffers;
}): Bench {
  const { client, session, clock } = options;
  const runs: string[] = [];
  const leases: Held[] = [];

  const bench: Bench = {
    client,
    session,
    clock,
    offers: options.offers,
    async newRun({ idempotencyKey, pipeline = "conformance" } = {}) {
      const text = DEFINITION.replace("POOL", options.pool).replace("conformance", pipeline);
      const { run } = await client.call("createRun", {
        body: { project: options.project, definition: { path: "conformance.yml", text } },
        headers: idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey },
      });
      if (!runs.includes(run.id)) runs.push(run.id);
      options.offers.add(run.id);
      return run.id;
    },
    async claim(run, fence, claimId = newClaimId()) {
      const input = { params: { run, job: JOB }, body: { claimId, fence } };
      const answer = await answerOf(client.call("claim", input, { token: session.sessionToken }));
      if (answer.kind === "accepted") leases.push(heldOf(run, answer.reply));
      return answer;
    },
    async hold(run, fence = 0) {
      const answer = await bench.claim(run, fence);
      if (answer.kind === "refused")
        throw new Disturbed(`the first claim of job ${JOB} of ${run} was refused: ${answer.code}`);
      return heldOf(run, answer.reply);
    },
    async running() {
      const held = await bench.hold(await bench.newRun());
      const acked = await bench.onLease("ack", held);
      if (acked.kind === "refused")
        throw new Violation(`the acknowledgement of a fresh lease was refused: ${acked.code}`);
      return held;
    },
    onLease(route, held, { token = held.token, fence = held.fence } = {}) {
      const input = { params: { run: held.run, job: held.job, fence }, body: BODIES[route] };
      return answerOf(client.call(route, input as CallInput<typeof route>, { token }));
    },
    complete: (held, outcome) =>
      answerOf(
        client.call(
          "complete",
          { params: { run: held.run, job: held.job, fence: held.fence }, body: completionOf(outcome) },
          { token: held.token },
        ),
      ),
    async job(run) {
      return (await client.call("getJob", { params: { run, job: JOB } })).job;
    },
    async jobBecomes(run, what, is, withinMs = PATIENCE_MS) {
      const untilMs = clock.monotonicMs() + withinMs;
      for (;;) {
        const job = await bench.job(run);
        if (is(job)) return job;
        if (clock.monotonicMs() > untilMs)
          throw new Late(
            `the job was not ${what} within ${withinMs / 1_000} s; it is ${job.state} at fence ${job.fence}`,
          );
        await wait(LOOK_MS);
      }
    },
    async runEnds(run) {
      const untilMs = clock.monotonicMs() + PATIENCE_MS;
      for (;;) {
        const { run: seen } = await client.call("getRun", { params: { run } });
        if (isRunEnded(seen.state)) return seen;
        if (clock.monotonicMs() > untilMs)
          throw new Late(`run ${run} is still ${seen.state} after ${PATIENCE_MS / 1_000} s`);
        await wait(LOOK_MS);
      }
    },
    tidy: () => tidy(bench, runs, leases),
  };
  return bench;
}

function heldOf(run: string, grant: LeaseGranted): Held {
  return { run, job: JOB, fence: grant.fence, token: grant.leaseToken, grant };
}

/** Cancels what still lives, and says that our attempts of it are gone: nothing waits for a lease of ours to run out. */
async function tidy(bench: Bench, runs: readonly string[], leases: readonly Held[]): Promise<void> {
  for (const run of runs) {
    const job = await bench.job(run);
    if (isJobEnded(job.state)) continue;
    await bench.client.call("cancelRun", { params: { run }, body: { reason: "the conformance check is over" } });
    // Refused where the lease is not the living one, or ended meanwhile: then there is nothing to say.
    for (const held of leases.filter((one) => one.run === run)) await bench.onLease("cancelAck", held);
  }
}
