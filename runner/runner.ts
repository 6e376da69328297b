import { KILL_GRACE_MS } from "../shared/domain/limits.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import type { Offer, Session } from "../shared/protocol/leases.ts";
import { runAttempt } from "./attempt.ts";
import type { AttemptDeps } from "./attempt-state.ts";
import { claimJob } from "./claim.ts";
import { makeClaimBackoff } from "./claim-backoff.ts";
import type { AttemptEnd } from "./events.ts";
import { keepGivenSession } from "./given-session.ts";
import { type Interruptions, makeInterruptions } from "./interruptions.ts";
import { makeKnownFences } from "./known-fences.ts";
import type { OfferMessage, OpenOfferQueue } from "./offer-queue.ts";
import { pollLoop } from "./poll-loop.ts";
import { keepSession, type OpenSession } from "./session.ts";
import { makeSlots } from "./slots.ts";
import { aborted, wait } from "./wait.ts";

/** How long deletions and the last polls may hold a runner up that has nothing else to do. */
const FLUSH_MAX_MS = 3_000;
/** How long it waits for an answer to its goodbye. */
const GOODBYE_MAX_MS = 2_000;

export interface RunnerDeps extends AttemptDeps {
  readonly openOfferQueue: OpenOfferQueue;
  /** Makes this process's claim ids its own. */
  readonly claimSeed: string;
  readonly name: string;
  readonly pools: readonly string[];
  readonly slots: number;
  /** Where offers are taken; the queue unless said. */
  readonly poll?: "queue" | "api";
  /** One job, then the runner ends; needs one slot (SECURITY 23). */
  readonly ephemeral?: boolean;
  /** The only session that it has; without one it opens its own. */
  readonly givenSession?: Session;
}

export interface Runner {
  /** Resolves when it has drained. Rejects with RejectedError where the control plane does not want it. */
  readonly finished: Promise<void>;
  /** Takes no more offers; running attempts have `withinMs` to end, then their leases are given back. */
  drain(reason: string, withinMs: number): void;
  /** Stops the steps of all attempts now, SIGTERM to SIGKILL within `graceMs`, and gives their leases back. */
  kill(reason: string, graceMs: number): void;
}

/** Starts to take offers and run them. */
export function startRunner(deps: RunnerDeps): Runner {
  const { emit } = deps;
  const going = new AbortController();
  const hurrying = new AbortController();
  const sessions =
    deps.givenSession === undefined ? keepSession(deps) : keepGivenSession({ ...deps, session: deps.givenSession });
  const slots = makeSlots(deps.slots);
  const backoff = makeClaimBackoff(deps);
  const known = makeKnownFences();
  const claiming = new Map<string, Promise<void>>();
  const running = new Map<Interruptions, Promise<void>>();
  let killGraceMs: number | undefined;

  function onOffer(offer: Offer, message: OfferMessage, open: OpenSession): void {
    const interruptions = makeInterruptions();
    const done = takeOffer(offer, message, open, interruptions)
      .catch((error: unknown) => {
        const text = `an attempt broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
        emit({ type: "trouble", message: text, run: offer.runId, job: offer.jobId });
      })
      .finally(() => {
        running.delete(interruptions);
        slots.release();
      });
    running.set(interruptions, done);
  }

  async function takeOffer(offer: Offer, message: OfferMessage, open: OpenSession, interruptions: Interruptions) {
    const grant = await oneAtATime(`${offer.runId}/${offer.jobId}`, () => claim(offer, message, open));
    if (grant === undefined) return;
    const { runId: run, jobId: job, fence } = grant.granted;
    emit({ type: "attempt_started", run, job, fence });
    if (killGraceMs !== undefined) interruptions.raise({ kind: "drain", graceMs: killGraceMs });
    let end: AttemptEnd = "broken";
    try {
      end = await runAttempt(deps, grant.granted, grant.claimedAtMs, interruptions);
    } finally {
      // Also where it threw: what counts attempts must not count this one for ever.
      emit({ type: "attempt_ended", run, job, fence, end, tookMs: deps.clock.monotonicMs() - grant.claimedAtMs });
      backoff.ended(end);
      // Before its slot is free again: this was the one job.
      if (deps.ephemeral === true) takeNoMore("its one job has ended");
    }
  }

  function takeNoMore(reason: string): void {
    if (!going.signal.aborted) emit({ type: "draining", reason, running: running.size });
    going.abort();
  }

  /** Two copies of one offer may come in one batch. The second waits for what the first learns. */
  async function oneAtATime<T>(key: string, call: () => Promise<T>): Promise<T> {
    for (let before = claiming.get(key); before !== undefined; before = claiming.get(key)) await before;
    const mine = call();
    const settled = mine.then(
      () => void claiming.delete(key),
      () => void claiming.delete(key),
    );
    claiming.set(key, settled);
    return mine;
  }

  async function claim(offer: Offer, message: OfferMessage, open: OpenSession) {
    // Each deletion follows a durable answer (invariant 7), and is never waited for.
    if (known.isSpent(offer)) {
      open.queue.remove(message);
      return undefined;
    }
    if (backoff.isOn()) {
      await open.queue.putBack(message);
      return undefined;
    }
    const answer = await claimJob(deps, open, offer);
    switch (answer.kind) {
      case "granted":
        known.remember(offer, answer.granted.fence);
        open.queue.remove(message);
        return answer;
      case "refused":
        open.queue.remove(message);
        emit({ type: "claim_refused", run: offer.runId, job: offer.jobId, code: answer.code });
        return undefined;
      case "unauthorized":
        sessions.invalidate(open);
        await open.queue.putBack(message);
        return undefined;
      case "unanswered":
        emit({ type: "unreachable", what: deps.client.url, message: messageOf(answer.cause) });
        return undefined;
    }
  }

  function killAll(graceMs: number): void {
    killGraceMs = graceMs;
    hurrying.abort();
    for (const interruptions of running.keys()) interruptions.raise({ kind: "drain", graceMs });
  }

  async function work(): Promise<void> {
    const takingTurns = deps.pools.length > deps.slots;
    const loops = deps.pools.map((pool) =>
      pollLoop({ pool, sessions, slots, backoff, takingTurns, emit, onOffer }, going.signal).catch((error: unknown) => {
        going.abort();
        throw error;
      }),
    );
    const polling = Promise.all(loops).then(
      () => undefined,
      (cause: unknown) => ({ cause }),
    );
    // A poll in flight is drained, unless there is no time: what it would have brought is offered again.
    const failed = await Promise.race([polling, aborted(hurrying.signal)]);
    while (running.size > 0) await Promise.all(running.values());
    await Promise.race([sessions.flush(), wait(FLUSH_MAX_MS)]);
    if (failed === undefined) await Promise.race([sessions.close(), wait(GOODBYE_MAX_MS)]);
    await deps.executor.close();
    emit({ type: "stopped" });
    // Only now: what was running when the control plane turned us away was still ours to end.
    if (failed !== undefined) throw failed.cause;
  }

  return {
    finished: work(),
    drain(reason, withinMs) {
      if (going.signal.aborted) return;
      takeNoMore(reason);
      void wait(withinMs, hurrying.signal).then(() => {
        if (!hurrying.signal.aborted) killAll(KILL_GRACE_MS);
      });
    },
    kill(reason, graceMs) {
      takeNoMore(reason);
      killAll(graceMs);
    },
  };
}
